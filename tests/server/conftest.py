from database.locations import database, place

__all__ = ["database", "place"]
