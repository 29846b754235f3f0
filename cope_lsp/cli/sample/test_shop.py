"""What the shop expects of its helpers."""

import unittest

import shop


class StockTest(unittest.TestCase):
    def test_stock(self):
        self.assertEqual(shop.evaluate_stock_count(3), 6)
        self.assertEqual(shop.evaluate_stock_count(91), 182)


class SignsTest(unittest.TestCase):
    def test_signs(self):
        self.assertEqual(shop.consonants_other_signs("CIVIC YELLOW RIVER"), "CVC YLLW RVR")
        self.assertEqual(shop.consonants_other_signs("lamp level!"), "lmp lvl!")


class ReportTest(unittest.TestCase):
    def test_report(self):
        self.assertEqual(shop.make_report([1, 3, 5, 3, 1]), 3)
        self.assertEqual(shop.make_report([91, 96, 96, 97, 100]), 97)


if __name__ == "__main__":
    unittest.main()
