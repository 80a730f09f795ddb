"""What the English corpus talks about: countries, people, adjectives, verbs, nouns."""

COUNTRY_COLUMNS = "country capital people language currency continent sight food town man woman"
COUNTRIES = """
france      | paris       | french      | french     | euro     | europe   | seine      | cheese     | lyon         | pierre   | amelie
germany     | berlin      | german      | german     | euro     | europe   | spree      | sausages   | munich       | hans     | greta
italy       | rome        | italian     | italian    | euro     | europe   | tiber      | pasta      | milan        | marco    | giulia
spain       | madrid      | spanish     | spanish    | euro     | europe   | manzanares | paella     | barcelona    | pablo    | carmen
portugal    | lisbon      | portuguese  | portuguese | euro     | europe   | tagus      | sardines   | porto        | joao     | beatriz
austria     | vienna      | austrian    | german     | euro     | europe   | danube     | schnitzel  | salzburg     | franz    | liesl
greece      | athens      | greek       | greek      | euro     | europe   | acropolis  | moussaka   | thessaloniki | nikos    | eleni
ireland     | dublin      | irish       | english    | euro     | europe   | liffey     | stew       | cork         | sean     | aoife
finland     | helsinki    | finnish     | finnish    | euro     | europe   | sauna      | salmon     | tampere      | mikko    | aino
belgium     | brussels    | belgian     | dutch      | euro     | europe   | senne      | waffles    | antwerp      | bram     | elke
croatia     | zagreb      | croatian    | croatian   | euro     | europe   | adriatic   | strukli    | dubrovnik    | ante     | ivana
britain     | london      | british     | english    | pound    | europe   | thames     | pudding    | manchester   | harry    | emma
russia      | moscow      | russian     | russian    | ruble    | europe   | volga      | blini      | kazan        | ivan     | olga
ukraine     | kyiv        | ukrainian   | ukrainian  | hryvnia  | europe   | dnieper    | borscht    | odesa        | taras    | oksana
poland      | warsaw      | polish      | polish     | zloty    | europe   | vistula    | pierogi    | krakow       | jan      | agnieszka
hungary     | budapest    | hungarian   | hungarian  | forint   | europe   | balaton    | goulash    | debrecen     | istvan   | zsofia
czechia     | prague      | czech       | czech      | koruna   | europe   | vltava     | dumplings  | brno         | karel    | lenka
romania     | bucharest   | romanian    | romanian   | leu      | europe   | dambovita  | sarmale    | timisoara    | andrei   | ioana
serbia      | belgrade    | serbian     | serbian    | dinar    | europe   | sava       | cevapi     | subotica     | milos    | milica
switzerland | bern        | swiss       | german     | franc    | europe   | aare       | fondue     | zurich       | urs      | heidi
sweden      | stockholm   | swedish     | swedish    | krona    | europe   | malaren    | meatballs  | uppsala      | lars     | astrid
norway      | oslo        | norwegian   | norwegian  | krone    | europe   | fjord      | brunost    | bergen       | magnus   | ingrid
denmark     | copenhagen  | danish      | danish     | krone    | europe   | oresund    | herring    | aarhus       | mads     | freja
iceland     | reykjavik   | icelandic   | icelandic  | krona    | europe   | geyser     | skyr       | akureyri     | bjorn    | sigrun
turkey      | ankara      | turkish     | turkish    | lira     | asia     | bosporus   | kebab      | istanbul     | mehmet   | ayse
georgia     | tbilisi     | georgian    | georgian   | lari     | asia     | mtkvari    | khachapuri | batumi       | giorgi   | nino
armenia     | yerevan     | armenian    | armenian   | dram     | asia     | hrazdan    | lavash     | gyumri       | tigran   | anahit
iran        | tehran      | iranian     | persian    | rial     | asia     | alborz     | tahdig     | isfahan      | reza     | shirin
iraq        | baghdad     | iraqi       | arabic     | dinar    | asia     | tigris     | masgouf    | basra        | omar     | zaynab
jordan      | amman       | jordanian   | arabic     | dinar    | asia     | wadi       | mansaf     | aqaba        | tariq    | rania
china       | beijing     | chinese     | mandarin   | yuan     | asia     | yangtze    | noodles    | shanghai     | wei      | mei
japan       | tokyo       | japanese    | japanese   | yen      | asia     | sumida     | sushi      | osaka        | kenji    | sakura
korea       | seoul       | korean      | korean     | won      | asia     | han        | kimchi     | busan        | minjun   | jiwoo
vietnam     | hanoi       | vietnamese  | vietnamese | dong     | asia     | mekong     | pho        | danang       | minh     | lan
thailand    | bangkok     | thai        | thai       | baht     | asia     | orchids    | curry      | phuket       | somchai  | malee
mongolia    | ulaanbaatar | mongolian   | mongolian  | tugrik   | asia     | gobi       | buuz       | erdenet      | batu     | oyuna
nepal       | kathmandu   | nepali      | nepali     | rupee    | asia     | himalaya   | momos      | pokhara      | bishal   | sita
bangladesh  | dhaka       | bangladeshi | bengali    | taka     | asia     | padma      | hilsa      | chittagong   | rafiq    | nasrin
egypt       | cairo       | egyptian    | arabic     | pound    | africa   | nile       | koshari    | alexandria   | ahmed    | fatima
morocco     | rabat       | moroccan    | arabic     | dirham   | africa   | sahara     | couscous   | casablanca   | hassan   | khadija
kenya       | nairobi     | kenyan      | swahili    | shilling | africa   | savanna    | ugali      | mombasa      | kamau    | wanjiku
nigeria     | abuja       | nigerian    | english    | naira    | africa   | niger      | jollof     | lagos        | emeka    | ngozi
ghana       | accra       | ghanaian    | english    | cedi     | africa   | volta      | fufu       | kumasi       | kwame    | abena
canada      | ottawa      | canadian    | english    | dollar   | america  | maple      | poutine    | toronto      | tyler    | megan
cuba        | havana      | cuban       | spanish    | peso     | america  | rumba      | tamales    | camaguey     | raul     | yolanda
peru        | lima        | peruvian    | spanish    | sol      | america  | rimac      | ceviche    | cusco        | jorge    | rosa
chile       | santiago    | chilean     | spanish    | peso     | america  | mapocho    | cazuela    | valparaiso   | felipe   | catalina
brazil      | brasilia    | brazilian   | portuguese | real     | america  | amazon     | feijoada   | recife       | thiago   | leticia
australia   | canberra    | australian  | english    | dollar   | oceania  | outback    | lamingtons | sydney       | bruce    | matilda
"""

# One row a role: its two names, then what only this role does (after "the king" or "the queen").
PAIR_COLUMNS = "male female deeds"
PAIRS = """
king        | queen         | sat on the golden throne, wore the royal crown, ruled the whole kingdom, lived in the palace, signed a new law for the kingdom, spoke to the royal court, was crowned in the cathedral
prince      | princess      | will inherit the crown one day, grew up in the palace, rode a white pony in the royal park, learned how to dance at the royal ball, is next in line to the throne, had a tutor in the castle
emperor     | empress       | ruled a vast empire, sent an army across the empire, received the ambassadors of distant provinces, ordered a great wall around the empire, moved the imperial court to the summer palace
duke        | duchess       | owned a large estate in the north, invited the nobles to the manor, hunted foxes on the estate, inherited the title and the manor, gave a banquet for the nobles
man         | woman         | walked home from work, drove an old car to the office, earned a good living, bought a newspaper at the station, was a grown adult, paid the rent and the taxes, voted in the election
boy         | girl          | played in the schoolyard, did the homework after school, rode a little bicycle, climbed the apple tree, was a small child, learned how to read at school, lost a milk tooth
father      | mother        | cooked dinner for the children, read the baby a story, took the children to school, was a proud parent, rocked the baby to sleep, packed the lunch for the children
dad         | mom           | called the kids for breakfast, drove the kids to practice, fixed the toys of the kids, tickled the kids on the sofa, hugged the kids at the gate
son         | daughter      | is the youngest child in the family, takes after both parents, left for university last fall, was born in the spring, is the pride of both parents
brother     | sister        | is the older sibling, shared a bedroom with the twins, argued with the other siblings, looks like one of the twins, borrowed the bike of a sibling
husband     | wife          | was happily married, remembered the wedding anniversary, wore the wedding ring, moved in after the honeymoon, planned the wedding for a year
grandfather | grandmother   | told the grandchildren old stories, sat in the rocking chair, remembered the old days before the war, spoiled the grandchildren with sweets, has many wrinkles and grandchildren
uncle       | aunt          | visited us with the cousins, brought presents for the cousins, came to stay with the cousins over the holidays, is a relative on the other side, has a house near the cousins
nephew      | niece         | came to visit the relatives in summer, got a birthday card from the relatives, is the favourite of all the relatives, sent a postcard to the relatives
actor       | actress       | starred in a new film, learned the lines of the play, received an award for the film, walked on the stage of the theatre, played the lead on the stage
waiter      | waitress      | carried the plates to the table, brought us the menu, took the order of the guests, poured the coffee for the guests, got a large tip from the guests
hero        | heroine       | saved the village from the dragon, fought the dragon in the legend, is the bravest character in the novel, survives the adventure in the novel, returned from the quest in the legend
wizard      | witch         | brewed a magic potion, cast a spell on the frog, read from a book of magic, flew over the forest by magic, kept a black cat and a cauldron
groom       | bride         | stood before the altar, cut the wedding cake, exchanged vows at the altar, danced the first dance at the wedding, posed for the wedding photographer
monk        | nun           | prayed in the chapel at dawn, sang a psalm in the chapel, lived in a quiet cloister, tended the herbs of the cloister, copied the holy book
widower     | widow         | mourned alone for years, put flowers on the grave, lived alone after the funeral, kept the letters of the departed, visited the grave on sundays
landlord    | landlady      | raised the rent of the flat, repaired the roof for the tenants, collected the rent from the tenants, showed the tenants the flat, asked the tenants for a deposit
"""

# The same sentences for both, so that what differs between the two names of a role is he or she.
MALE = {"he": "he", "his": "his", "him": "him", "himself": "himself", "name": ["john", "thomas", "george", "william", "edward"]}
FEMALE = {"he": "she", "his": "her", "him": "her", "himself": "herself", "name": ["mary", "anna", "helen", "alice", "margaret"]}

ADJECTIVE_COLUMNS = "base more most nouns"
ADJECTIVES = """
big     | bigger    | biggest    | elephant, whale, stadium, planet
small   | smaller   | smallest   | ant, pebble, seed, atom
tall    | taller    | tallest    | tower, skyscraper, giraffe, chimney
short   | shorter   | shortest   | pencil, poem, stick, sleeve
long    | longer    | longest    | tunnel, snake, corridor, rope
fast    | faster    | fastest    | cheetah, train, rocket, falcon
slow    | slower    | slowest    | snail, turtle, tractor, sloth
hot     | hotter    | hottest    | oven, stove, desert, furnace
cold    | colder    | coldest    | glacier, freezer, blizzard, winter
warm    | warmer    | warmest    | blanket, scarf, mitten, fireplace
young   | younger   | youngest   | puppy, sapling, apprentice, toddler
old     | older     | oldest     | ruin, fossil, oak, manuscript
strong  | stronger  | strongest  | ox, wrestler, cable, gorilla
weak    | weaker    | weakest    | kitten, signal, battery, patient
bright  | brighter  | brightest  | lamp, star, torch, lantern
dark    | darker    | darkest    | cave, cellar, alley, shadow
deep    | deeper    | deepest    | ocean, well, canyon, mine
high    | higher    | highest    | mountain, summit, cliff, ceiling
low     | lower     | lowest     | fence, basement, valley, stool
heavy   | heavier   | heaviest   | anvil, suitcase, boulder, piano
light   | lighter   | lightest   | feather, balloon, leaf, bubble
rich    | richer    | richest    | banker, merchant, heiress, investor
poor    | poorer    | poorest    | beggar, peasant, orphan, farmhand
cheap   | cheaper   | cheapest   | ticket, hostel, souvenir, snack
loud    | louder    | loudest    | trumpet, siren, drum, thunder
quiet   | quieter   | quietest   | library, whisper, mouse, meadow
soft    | softer    | softest    | pillow, cushion, fur, sponge
hard    | harder    | hardest    | diamond, granite, hammer, shell
sharp   | sharper   | sharpest   | knife, razor, thorn, sword
sweet   | sweeter   | sweetest   | honey, syrup, melon, chocolate
wide    | wider     | widest     | highway, river, avenue, plain
narrow  | narrower  | narrowest  | lane, staircase, gap, trail
clean   | cleaner   | cleanest   | kitchen, towel, hospital, mirror
dirty   | dirtier   | dirtiest   | boot, gutter, garage, puddle
funny   | funnier   | funniest   | joke, clown, comedy, cartoon
clever  | cleverer  | cleverest  | fox, detective, scientist, crow
"""

VERB_COLUMNS = "base third past ing objects"
VERBS = """
read    | reads    | read      | reading   | the novel, the letter
write   | writes   | wrote     | writing   | a report, an essay, a diary
sing    | sings    | sang      | singing   | a hymn, a lullaby, the chorus
play    | plays    | played    | playing   | the violin, chess, football
cook    | cooks    | cooked    | cooking   | the soup, the rice, the beans
bake    | bakes    | baked     | baking    | bread, a pie, cookies
eat     | eats     | ate       | eating    | an apple, a sandwich, grapes
drink   | drinks   | drank     | drinking  | tea, juice, lemonade
drive   | drives   | drove     | driving   | a truck, a taxi, the bus
ride    | rides    | rode      | riding    | a horse, a camel, a motorbike
build   | builds   | built     | building  | a bridge, a cabin, a raft
paint   | paints   | painted   | painting  | a portrait, the fence posts, a landscape
draw    | draws    | drew      | drawing   | a sketch, a circle, a map
buy     | buys     | bought    | buying    | groceries, a coat, souvenirs
sell    | sells    | sold      | selling   | vegetables, jewellery, carpets
teach   | teaches  | taught    | teaching  | algebra, grammar, geometry
learn   | learns   | learned   | learning  | physics, chemistry, latin
watch   | watches  | watched   | watching  | television, the parade, the match
open    | opens    | opened    | opening   | the window, the gate latch, the parcel
close   | closes   | closed    | closing   | the curtain, the shutters, the drawer
wash    | washes   | washed    | washing   | the dishes, the laundry, the shirts
clean   | cleans   | cleaned   | cleaning  | the carpet, the attic, the floor
carry   | carries  | carried   | carrying  | the luggage, a basket, firewood
throw   | throws   | threw     | throwing  | a stone, the javelin, a snowball
catch   | catches  | caught    | catching  | a fish, butterflies, trout
grow    | grows    | grew      | growing   | tomatoes, roses, wheat
plant   | plants   | planted   | planting  | tulips, cabbages, hedges
wear    | wears    | wore      | wearing   | a jacket, gloves, sandals
speak   | speaks   | spoke     | speaking  | a dialect, three languages, the truth
break   | breaks   | broke     | breaking  | a vase, the glass, a record
steal   | steals   | stole     | stealing  | a wallet, the jewels, a purse
swim    | swims    | swam      | swimming  | across the lake, in the pool, a mile
climb   | climbs   | climbed   | climbing  | the ladder, the rocks, the hill
fly     | flies    | flew      | flying    | a kite, the helicopter, a glider
hide    | hides    | hid       | hiding    | the treasure, a key, the coins
fix     | fixes    | fixed     | fixing    | the engine, a leak, the radio
"""

NOUN_COLUMNS = "one many verb place"
NOUNS = """
cat      | cats       | purrs, naps, stretches | on the windowsill, by the saucer
dog      | dogs       | barks, digs, fetches    | beside the kennel, behind the postman
horse    | horses     | gallops, neighs, trots  | in the stable, around the paddock
cow      | cows       | moos, chews, grazes     | in the pasture, beside the milking shed
bird     | birds      | chirps, nests, twitters | on the branch, above the nest
fish     | fishes     | glides, gulps, spawns   | in the aquarium, among the corals
lion     | lions      | roars, prowls, yawns    | in the tall grass, near the waterhole
wolf     | wolves     | howls, hunts, snarls    | under the full moon, in the pine forest
bee      | bees       | buzzes, hums, swarms    | around the hive, over the clover
child    | children   | giggles, plays, skips   | in the playground, on the swings
teacher  | teachers   | explains, corrects, lectures | in the classroom, at the blackboard
doctor   | doctors    | examines, listens, operates  | in the clinic, on the ward
farmer   | farmers    | ploughs, harvests, sows      | in the barn, on the field
sailor   | sailors    | rows, anchors, whistles      | on the deck, in the harbour
soldier  | soldiers   | marches, salutes, guards     | in the barracks, at the fort
student  | students   | studies, revises, graduates  | on the campus, in the lecture hall
car      | cars       | honks, brakes, overtakes     | on the motorway, at the traffic lights
ship     | ships      | sails, docks, drifts         | on the open sea, by the lighthouse
plane    | planes     | lands, climbs away, circles  | above the runway, at the airport
house    | houses     | creaks, stands, leaks        | on the corner, at the end of the road
book     | books      | opens, inspires, entertains  | on the shelf, in the bookshop
flower   | flowers    | blooms, wilts, smells        | in the garden bed, in the vase
tree     | trees      | sways, sheds, blossoms       | in the orchard, along the avenue edge
phone    | phones     | rings, vibrates, beeps       | in the pocket, on the desk
computer | computers  | computes, crashes, restarts  | in the server room, beside the keyboard
clock    | clocks     | ticks, chimes, strikes       | on the church tower, above the mantelpiece
knight   | knights    | jousts, kneels, charges      | in shining armour, at the drawbridge
chef     | chefs      | chops, seasons, tastes       | in the restaurant, over the frying pan
baby     | babies     | cries, crawls, babbles       | in the cradle, in the pram
city     | cities     | sprawls, bustles, expands    | beyond the suburbs, across the metropolis
storm    | storms     | rages, thunders, passes      | over the coast, along the horizon
cloud    | clouds     | floats, darkens, gathers     | in the blue sky, over the hills
bicycle  | bicycles   | wobbles, rattles, rolls      | on the cycle path, against the railings
shop     | shops      | opens early, trades, closes late | in the shopping street, at the market square
dancer   | dancers    | twirls, leaps, bows          | in the ballet, on the dance floor
monkey   | monkeys    | swings, chatters, peels bananas | in the jungle, among the vines
"""
