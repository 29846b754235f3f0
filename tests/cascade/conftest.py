"""The same home as the tests of hosted models have."""

from tests.models.conftest import home

__all__ = ["home"]
