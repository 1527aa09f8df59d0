"""A running application, as its owner's client and its own containers reach it."""
