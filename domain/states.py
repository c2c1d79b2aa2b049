"""USPS codes of the fifty states, the District of Columbia and the territories."""

STATES = frozenset(
    [
        *"AL AK AZ AR CA CO CT DE DC FL GA HI ID IL IN IA KS KY LA ME MD MA MI MN MS MO MT".split(),
        *"NE NV NH NJ NM NY NC ND OH OK OR PA RI SC SD TN TX UT VT VA WA WV WI WY".split(),
        *"AS GU MP PR VI".split(),
    ]
)
