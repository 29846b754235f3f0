"""Small helpers of a shop, three of them still to be written."""


def evaluate_stock_count(stock_count):
    """Find twice the stock count."""
    raise NotImplementedError


def consonants_other_signs(sentence):
    """Give back the consonants and other signs of the sentence."""
    raise NotImplementedError


def make_report(distances):
    """What is the best of the distances once every copy of the winner is gone?"""
    raise NotImplementedError
