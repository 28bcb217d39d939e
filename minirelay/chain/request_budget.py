"""How many requests one piece of work may still make, to whichever endpoints (spec 07, "A poll")."""


class RequestBudget:
    """Counts down. What finds it empty is left for the next time."""

    def __init__(self, requests: int) -> None:
        self.left = requests

    def take(self) -> bool:
        """Take one request of it; False if none is left."""
        if self.left <= 0:
            return False
        self.left -= 1
        return True
