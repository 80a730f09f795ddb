"""Labels for lines of text by a bag of features and one linear layer: fastText's classifier."""
