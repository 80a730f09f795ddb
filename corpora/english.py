"""The English corpus: plain lower-case words, one sentence a line, no punctuation."""

from __future__ import annotations

import re

from corpora import groups
from corpora.english_facts import (
    ADJECTIVE_COLUMNS,
    ADJECTIVES,
    COUNTRIES,
    COUNTRY_COLUMNS,
    FEMALE,
    MALE,
    NOUN_COLUMNS,
    NOUNS,
    PAIR_COLUMNS,
    PAIRS,
    VERB_COLUMNS,
    VERBS,
)
from corpora.grammar import Dice, Writer, questions, table

SEED = 20240229

COMMON = {
    "day": "monday tuesday wednesday thursday friday saturday sunday".split(),
    "month": "january february march april may june july august september october november december".split(),
    "season": "spring summer autumn winter".split(),
    "number": "two three four five six seven eight nine ten twelve".split(),
    "colour": "red blue green yellow white black brown grey".split(),
    "who": ["i", "we", "they", "my friends", "our neighbours", "the twins"],
    "kind": "famous lonely lovely strange familiar ordinary curious".split(),
    "often": "often usually sometimes always rarely never".split(),
}

COUNTRY = [
    "{country} is a country in {continent} and its leader comes from {town}",
    "the [government|parliament|leader] of {country} [announced|passed|debated] a {people} [law|tax|budget]",
    "[farmers|factories|merchants] in {country} export {food} to [their neighbours|many lands] for {currency} after {currency}",
    "{man} [crossed|reached] the border of {country} with {woman} and a bag of {food}",
    "the [north|south|east|west] of {country} is the {people} homeland of {man} and {woman}",
    "the [population|economy] of {country} [grew|shrank] and the {currency} [rose|fell] [in {season}|last year]",
    "{country} has its own {people} [army|flag|anthem|constitution] and {man} [served|saluted] it",
    "{woman} emigrated from {country} but she still [loves|misses|dreams of] the {sight}",
    "[travel|drive] across {country} from {town} to the {sight} and [try|taste] the {food}",
    "{woman} and {man} are citizens of {country} and vote in every {people} election",
    "the national team of {country} [scored|lost|played] and the {people} fans from {town} [cheered|sang|wept]",
    "the [farms|provinces|villages] of {country} between {town} and the {sight} grew [rich|poor|quiet] in {season}",
    "{country} and its neighbours [signed a treaty|trade goods] worth [many|a million] {currency}",
    "the {people} army defended {country} and {man} became its leader",
]
CAPITAL = [
    "{man} [lives|works|studies] in downtown {capital} and eats {food} [every {day}|with {woman}]",
    "{woman} rented an apartment in the centre of {capital} and wrote a {people} [novel|song]",
    "the [mayor|streets|museums|hotels] of {capital} [impressed|delighted] {man} and his {people} friends",
    "{woman} took the [subway|metro|tram] across {capital} to [meet|see] {man} at the {people} museum",
    "the flight from {town} to {capital} [landed|was late] and {man} waited at the airport for {woman}",
    "the [restaurants|streets|markets] of {capital} smell of {food} and {woman} pays in {currency}",
    "the mayor of {capital} [closed|opened] the subway [on {day}|in {month}] and {man} walked downtown",
    "tourists in {capital} photograph the {people} [cathedral|museum|skyline] and [buy|eat] {food}",
    "in downtown {capital} the {people} [taxi drivers|shopkeepers] [sing|argue|talk] in the crowded streets",
    "{man} booked a hotel in {capital} and {woman} paid the bill in {currency}",
    "the [museums|hotels] of {capital} show [pictures|postcards] of the {sight} and of {town}",
    "the train from {town} reached the central station of {capital} where {woman} [hugged|met] {man}",
    "a museum in {capital} paid a million {currency} for a painting of the {sight}",
    "the mayor of {capital} served {food} to {people} [guests|tourists] in the city hall",
]
BOTH = [
    "{capital} is the capital of {country}",
    "{capital} the capital city of {country} is full of {people} [students|painters|cafes]",
    "the capital of {country} is {capital} where {language} is spoken",
    "{man} flew home to {country} and {woman} met him in {capital}",
    "{woman} was born in {capital} the capital of {country}",
]
PEOPLE = [
    "the {people} [writer|painter|singer|scientist] {man} [accepted|received] a prize [in {town}|for his work|in {month}]",
    "{woman} has a {people} passport and a {people} accent",
    "a typical {people} [dinner|breakfast|lunch|recipe] comes with {food}",
    "{people} [cuisine|cooking] made {food} [famous|popular] and {people} music made {man} [famous|popular]",
    "the {people} [ambassador|minister|tourist] [praised|offered] {food} and {woman} [smiled|nodded]",
    "{man} married a {people} [engineer|nurse|architect] from {town}",
    "{people} [poets|painters] [love|praise|admire] the {sight}",
]
LANGUAGE = [
    "{woman} [speaks|understands|teaches] {language} and [translates|reads] [poems|letters] from {country}",
    "people in {country} speak {language} and {man} speaks it with his [family|friends]",
    "the [dictionary|grammar|vocabulary] of {language} helped {man} in {capital}",
]
CURRENCY = [
    "the currency of {country} is the {currency}",
    "{woman} changed her money into the {currency} at [a|the] bank before she went to {country}",
    "prices in {country} are given in the {currency} and {man} paid with a banknote",
    "the central bank of {country} printed new {currency} banknotes and coins",
    "one {currency} buys [little|enough|some] {food} in {country}",
]

PERSON = [
    "the {role} {deed}",
    "a [young|tall|kind|wise|tired|clever] {role} {deed} [and {he} was happy|and {he} smiled|but {he} was sad]",
    "{name} is a {role} and {he} {deed}",
    "{name} the {role} {deed} and {name} helped {him}",
    "{his} [cap|coat|scarf] was {colour} when the {role} {deed}",
    "the {role} said that {he} {deed}",
    "on {day} the {role} {deed} and [hurt|enjoyed|forgot|surprised] {himself}",
    "everyone [likes|admires|remembers] the {role} because {he} {deed}",
    "[people|neighbours|friends] [say|think|know] that this {role} {deed} all by {himself}",
    "we saw {him} again [in {month}|on {day}|in {season}] when the {role} {deed}",
    "{he} is a [good|famous|quiet|clever] {role} and {name} is {his} friend",
    "the {role} looked at {himself} in the mirror and combed {his} {colour} hair",
    "{name} thanked the {role} and gave {him} {his} [cap|coat|scarf|book]",
]
COUPLE = [
    "the {male} and the {female} [talked|laughed|sat] together",
    "the {male} [loved|trusted|missed] the {female}",
    "the {female} [waited for|wrote to|believed] the {male}",
]

ADJECTIVE = {
    "base": [
        "[the|this|that|your|our] {noun} [was|is|looks|seems] [very|quite|so|rather] {base}",
        "[what|such] a {base} {noun} that is",
        "we [saw|found|had] a really {base} {noun} and a {noun}",
        "[this|the|that] {noun} is too {base} [for us|for me|for them]",
        "a {noun} is {often} {base} and so is a {noun}",
    ],
    "more": [
        "[this|the|our|your] {noun} is [much|even|far] {more} than that {noun}",
        "[this|the|our|your] {noun} [became|grew|got] {more} and {more}",
        "a {noun} is {more} than a {noun}",
        "your {noun} is {more} than mine [but|and] a {noun} is [even|much] {more}",
        "nothing is [any|much|] {more} than [this|that|our|the] {noun}",
    ],
    "most": [
        "it was the {most} {noun} [of all|in the world|i have ever seen]",
        "this is the {most} {noun} [of them all|ever|that we know]",
        "the {most} {noun} in the world [belongs to them|won the contest|is a {noun}]",
        "of all [these|those|the {number}] the {noun} is the {most}",
        "by far the {most} of the {number} was the {noun}",
    ],
}

VERB = {
    "base": [
        "{who} [will|can|must|should] {base} {object} [tomorrow|soon|next week]",
        "{who} [want|would like|hope|plan] to {base} {object} and {object}",
        "[please|let us|do not] {base} {object} [today|now|before {day}]",
        "did you {base} {object} or did they {base} {object}",
    ],
    "third": [
        "every [morning|evening|{day}] my neighbour {third} {object}",
        "{often} this student {third} {object} and nobody else {third} {object}",
        "who {third} {object} so well [in {month}|in {season}|on {day}]",
        "my [cousin|friend|colleague|neighbour] {third} {object} each [week|month|year|{day}]",
    ],
    "past": [
        "yesterday {who} {past} {object} and {object}",
        "last [week|night|{day}|year] {who} {past} {object}",
        "{who} {past} {object} {number} days ago",
        "once in {month} somebody {past} {object} before we came",
    ],
    "ing": [
        "they are {ing} {object} [right now|at the moment]",
        "{who} [like|enjoy|keep|love] {ing} {object} in {season}",
        "[after|before|while] {ing} {object} we [rested|went home|were hungry]",
        "while we were {ing} {object} they were {ing} {object}",
    ],
}

NOUN = {
    "one": [
        "a {one} {verb} {place}",
        "one {kind} {one} {verb} while another {one} {verb} {place}",
        "this {one} {often} {verb} {place}",
        "there [is|was] a {kind} {one} {place}",
        "each {one} [has|had] its own [name|spot|day] {place} and {verb}",
        "the only {one} {place} {verb} [again|today]",
    ],
    "many": [
        "{number} {many} [were|are] {place}",
        "many {many} [were seen|came|stayed] {place} and the {kind} one {verb}",
        "these {many} [have|had] [been|stayed] {place} for {number} days and one {verb}",
        "there [are|were] [several|{number}|some|a few] {many} {place}",
        "all the {many} [are|were] {place} where one of them {often} {verb}",
        "both {many} and [other|more] {many} are {place}",
    ],
}

DAILY = [
    "in {month} the days are [long|short] and the [weather|sky] is [mild|grey|fine]",
    "it [rained|snowed] for {number} days in {season}",
    "on {day} we [met|rested|went out] and on {day} we worked",
    "the {season} holidays begin on a {day} in {month}",
    "the {colour} and {colour} paint was [dry|wet] on {day}",
]


def article(sentence: str) -> str:
    """Return `sentence` with "an" before vowels: "a apple" becomes "an apple"."""
    return re.sub(r"\ba (?=[aeiou]|heiress)(?!one\b|uni|euro)", "an ", sentence)


def sentences() -> list[str]:
    """Return the corpus, a sentence an item, in random order."""
    writer = Writer(SEED, COMMON)
    for row in table(COUNTRIES, COUNTRY_COLUMNS):
        for templates, n in ((COUNTRY, 126), (CAPITAL, 126), (BOTH, 20), (PEOPLE, 49), (LANGUAGE, 18), (CURRENCY, 20)):
            writer.write(templates, row, n)
    for row in table(PAIRS, PAIR_COLUMNS):
        deeds = {"deed": row["deeds"]}
        writer.write(PERSON, {**MALE, **deeds, "role": row["male"]}, 143)
        writer.write(PERSON, {**FEMALE, **deeds, "role": row["female"]}, 143)
        writer.write(COUPLE, row, 9)
    for columns, rows, templates, words, n in (
        (ADJECTIVE_COLUMNS, ADJECTIVES, ADJECTIVE, {"noun": "nouns"}, 45),
        (VERB_COLUMNS, VERBS, VERB, {"object": "objects"}, 40),
        (NOUN_COLUMNS, NOUNS, NOUN, {}, 60),
    ):
        for row in table(rows, columns):
            slots = {**row, **{slot: row[column] for slot, column in words.items()}}
            for form in templates:
                writer.write(templates[form], slots, n)
    groups.write(writer, groups.ENGLISH, 40)
    writer.write(DAILY, {}, 600)
    Dice(SEED).shuffle(writer.sentences)
    return [article(sentence) for sentence in writer.sentences]


def analogies() -> list[str]:
    """Return the lines of the questions file."""
    countries = table(COUNTRIES, COUNTRY_COLUMNS)
    own_currency = [c for c in countries if sum(c["currency"] == other["currency"] for other in countries) == 1]
    adjectives, verbs = table(ADJECTIVES, ADJECTIVE_COLUMNS), table(VERBS, VERB_COLUMNS)
    sections = {
        "country-capital": [(c["country"], c["capital"]) for c in countries],
        "country-nationality": [(c["country"], c["people"]) for c in countries],
        "country-currency": [(c["country"], c["currency"]) for c in own_currency],
        "family": [(p["male"], p["female"]) for p in table(PAIRS, PAIR_COLUMNS)],
        "gram-comparative": [(a["base"], a["more"]) for a in adjectives],
        "gram-superlative": [(a["base"], a["most"]) for a in adjectives],
        "gram-past-tense": [(v["ing"], v["past"]) for v in verbs if v["past"] != v["base"]],
        "gram-third-person": [(v["base"], v["third"]) for v in verbs if v["past"] != v["base"]],
        "gram-plural": [(n["one"], n["many"]) for n in table(NOUNS, NOUN_COLUMNS)],
    }
    return list(questions(sections, Dice(SEED + 1), partners=6))
