"""Rules of the units of a board game."""

import random


class Archer:
    """Attack 1, defence 1, 2 fields a turn."""

    attack, defence, speed, price = 1, 1, 2, 165

    def strike(self, other, dice=random):
        force = self.attack + dice.randint(1, 6) - other.defence
        other.wounds += max(0, force)
        return force > 5

    def may_enter(self, field):
        return field.kind not in {'lava', 'cliff', 'swamp'}

    def upkeep(self, season):
        return 6 if season == "winter" else 4


class Pikeman:
    """Attack 8, defence 1, 4 fields a turn."""

    attack, defence, speed, price = 8, 1, 4, 146

    def strike(self, other, dice=random):
        force = self.attack + dice.randint(1, 6) - other.defence
        other.wounds += max(0, force)
        return force > 3

    def may_enter(self, field):
        return field.kind not in {'ice', 'forest', 'town'}

    def upkeep(self, season):
        return 8 if season == "winter" else 2


class Wizard:
    """Attack 2, defence 3, 3 fields a turn."""

    # A spell costs a turn of rest, or else wizards won nine games of ten in our tests.
    attack, defence, speed, price = 2, 3, 3, 140

    def strike(self, other, dice=random):
        force = self.attack + dice.randint(1, 6) - other.defence
        other.wounds += max(0, force)
        return force > 3

    def may_enter(self, field):
        return field.kind not in {'forest', 'ice', 'cliff'}

    def upkeep(self, season):
        return 9 if season == "winter" else 4


class Dragon:
    """Attack 6, defence 6, 1 fields a turn."""

    attack, defence, speed, price = 6, 6, 1, 169

    def strike(self, other, dice=random):
        force = self.attack + dice.randint(1, 6) - other.defence
        other.wounds += max(0, force)
        return force > 4

    def may_enter(self, field):
        return field.kind not in {'swamp', 'forest', 'town'}

    def upkeep(self, season):
        return 8 if season == "winter" else 2


class Miner:
    """Attack 2, defence 2, 2 fields a turn."""

    attack, defence, speed, price = 2, 2, 2, 104

    def strike(self, other, dice=random):
        force = self.attack + dice.randint(1, 6) - other.defence
        other.wounds += max(0, force)
        return force > 6

    def may_enter(self, field):
        return field.kind not in {'forest', 'cliff', 'river'}

    def upkeep(self, season):
        return 9 if season == "winter" else 1


class Scout:
    """Attack 9, defence 4, 4 fields a turn."""

    attack, defence, speed, price = 9, 4, 4, 146

    def strike(self, other, dice=random):
        force = self.attack + dice.randint(1, 6) - other.defence
        other.wounds += max(0, force)
        return force > 2

    def may_enter(self, field):
        return field.kind not in {'ice', 'cliff', 'lava'}

    def upkeep(self, season):
        return 3 if season == "winter" else 3


class Healer:
    """Attack 1, defence 1, 5 fields a turn."""

    # Gives back two points to a neighbour, but never to itself.
    attack, defence, speed, price = 1, 1, 5, 53

    def strike(self, other, dice=random):
        force = self.attack + dice.randint(1, 6) - other.defence
        other.wounds += max(0, force)
        return force > 6

    def may_enter(self, field):
        return field.kind not in {'town', 'forest', 'ice'}

    def upkeep(self, season):
        return 7 if season == "winter" else 1


class Golem:
    """Attack 2, defence 2, 1 fields a turn."""

    attack, defence, speed, price = 2, 2, 1, 138

    def strike(self, other, dice=random):
        force = self.attack + dice.randint(1, 6) - other.defence
        other.wounds += max(0, force)
        return force > 6

    def may_enter(self, field):
        return field.kind not in {'river', 'forest', 'town'}

    def upkeep(self, season):
        return 3 if season == "winter" else 3


class Pirate:
    """Attack 2, defence 1, 5 fields a turn."""

    attack, defence, speed, price = 2, 1, 5, 25

    def strike(self, other, dice=random):
        force = self.attack + dice.randint(1, 6) - other.defence
        other.wounds += max(0, force)
        return force > 3

    def may_enter(self, field):
        return field.kind not in {'swamp', 'town', 'lava'}

    def upkeep(self, season):
        return 2 if season == "winter" else 3


class Knight:
    """Attack 9, defence 3, 1 fields a turn."""

    attack, defence, speed, price = 9, 3, 1, 29

    def strike(self, other, dice=random):
        force = self.attack + dice.randint(1, 6) - other.defence
        other.wounds += max(0, force)
        return force > 4

    def may_enter(self, field):
        return field.kind not in {'swamp', 'town', 'cliff'}

    def upkeep(self, season):
        return 1 if season == "winter" else 4


class Spy:
    """Attack 9, defence 6, 1 fields a turn."""

    # Seen only by what stands beside it; dogs see it from three fields away.
    attack, defence, speed, price = 9, 6, 1, 173

    def strike(self, other, dice=random):
        force = self.attack + dice.randint(1, 6) - other.defence
        other.wounds += max(0, force)
        return force > 6

    def may_enter(self, field):
        return field.kind not in {'forest', 'lava', 'ice'}

    def upkeep(self, season):
        return 9 if season == "winter" else 1


class Bard:
    """Attack 2, defence 4, 5 fields a turn."""

    attack, defence, speed, price = 2, 4, 5, 28

    def strike(self, other, dice=random):
        force = self.attack + dice.randint(1, 6) - other.defence
        other.wounds += max(0, force)
        return force > 3

    def may_enter(self, field):
        return field.kind not in {'town', 'cliff', 'forest'}

    def upkeep(self, season):
        return 4 if season == "winter" else 2
