"""Cooperative values: games given as numbers or in words, claims on too little, and fairness."""

import re
from collections.abc import Callable, Iterable

from pricing.cooperative import (
    Game,
    airport_game,
    bankruptcy_game,
    equal_awards,
    equal_losses,
    gini,
    glove_game,
    in_core,
    jain_index,
    least_core,
    nucleolus,
    prenucleolus,
    proportional,
    shapley,
    talmud,
    voting_game,
)
from tests.pricing.families import Case, Family, Outcome, Unsupported

SIZES = {"single": 1, "pair": 2, "triple": 3, "quadruple": 4}
OTHERS = {"others", "other", "rest", "else", "default"}
SOLUTIONS: dict[str, Callable[[Game], object]] = {
    "shapley": lambda game: list(shapley(game)),
    "phi": lambda game: list(shapley(game)),
    "shapley_shubik": lambda game: list(shapley(game)),
    "nucleolus": lambda game: list(nucleolus(game)),
    "prenucleolus": lambda game: list(prenucleolus(game)),
    "shapley_in_core": lambda game: in_core(game, shapley(game)),
    "nucleolus_in_core": lambda game: in_core(game, nucleolus(game)),
    "core_empty": lambda game: least_core(game).epsilon > 1e-9,
    "core_nonempty": lambda game: least_core(game).epsilon <= 1e-9,
    "least_core": lambda game: least_core(game).epsilon,
    "least_core_eps": lambda game: least_core(game).epsilon,
}


def solved(game: Game, asked: Iterable[str]) -> Outcome:
    # the nucleolus of fifteen voters is out of reach, their Shapley value is not: only what is asked
    return {key: SOLUTIONS[key](game) for key in asked if key in SOLUTIONS}


def coalition_words(case: Case) -> Game:
    """Read a game given in words: gloves, or a majority of heads."""
    inputs = case["inputs"]
    n, words = inputs["n"], inputs["v"]
    if heads := re.fullmatch(r"1 if \|S\| ?(>=|>) ?(\d+)", words):
        quota = int(heads[2]) + (heads[1] == ">")
        return voting_game(quota, [1] * n)
    text = f"{case.get('title', '')} {words}".lower()
    left = re.search(r"(\d+) ?l(?:eft)?\b", text)
    right = re.search(r"(\d+) ?r(?:ight)?\b", text)
    if re.match(r"1 if l and", words.lower()):
        return glove_game(1, n - 1)
    if not ("glove" in text or "min(" in text):
        raise Unsupported(f"game in words: {words}")
    if left and int(left[1]) < n:
        return glove_game(int(left[1]), n - int(left[1]))
    if right and int(right[1]) < n:
        return glove_game(n - int(right[1]), int(right[1]))
    raise Unsupported(f"glove game of {n} without a number of left or right ones")


def coalition_table(inputs: Outcome) -> Game:
    """Read worths by coalition: "12" or "1,2" or "AB"; "singles", "pairs", "others" stand for all not listed."""
    table = dict(inputs["v"])
    groups = {key: table.pop(key) for key in list(table) if key in OTHERS or key.rstrip("s") in SIZES}
    named = {key: re.findall(r"\w+", key) if re.search(r"\W", key) else list(key) for key in table}
    named = {key: members for key, members in named.items() if members and key != "0"}
    names = sorted({name for members in named.values() for name in members})
    if "n" in inputs and inputs["n"] != len(names):
        names = [str(player) for player in range(1, inputs["n"] + 1)]
    number = {name: player for player, name in enumerate(names)}
    worth = {frozenset(number[name] for name in members): table[key] for key, members in named.items()}

    def value(members: frozenset[int]) -> float:
        if members in worth:
            return worth[members]
        for group, given in groups.items():
            if group in OTHERS or SIZES[group.rstrip("s")] == len(members):
                return given
        raise Unsupported(f"game without a worth of {sorted(members)}")

    return Game.from_function(len(names), value)


def by_words(case: Case) -> Outcome:
    return solved(coalition_words(case), case["expected"])


def by_table(case: Case) -> Outcome:
    return solved(coalition_table(case["inputs"]), case["expected"])


def gloves(case: Case) -> Outcome:
    return solved(glove_game(case["inputs"]["left"], case["inputs"]["right"]), case["expected"])


def airport(case: Case) -> Outcome:
    return solved(airport_game(case["inputs"]["costs"]), case["expected"])


def votes(case: Case) -> Outcome:
    return solved(voting_game(case["inputs"]["quota"], case["inputs"]["weights"]), case["expected"])


def claims(case: Case) -> Outcome:
    estate, claimed = case["inputs"]["estate"], case["inputs"]["claims"]
    rules = {
        "talmud": talmud,
        "contested_garment": talmud,
        "proportional": proportional,
        "cea": equal_awards,
        "cel": equal_losses,
    }
    return {key: list(rule(estate, claimed)) for key, rule in rules.items()} | solved(
        bankruptcy_game(estate, claimed), case["expected"]
    )


def clearing_shapley(case: Case) -> Outcome:
    inputs = case["inputs"]
    if "costs" in inputs:
        game = airport_game(inputs["costs"])
    elif "weights" in inputs:
        game = voting_game(inputs["quota"], inputs["weights"])
    elif isinstance(inputs.get("v"), dict):
        game = coalition_table(inputs)
    elif pairs := re.fullmatch(r"([\d.]+) per left ?\+ ?right pair", inputs.get("value", "")):
        lefts = [name.upper().startswith("L") for name in inputs["players"]]

        def worth(members: frozenset[int]) -> float:
            left = sum(lefts[player] for player in members)
            return float(pairs[1]) * min(left, len(members) - left)

        game = Game.from_function(len(lefts), worth)
    else:
        raise Unsupported(f"game with inputs {', '.join(sorted(inputs))}")
    return solved(game, case["expect"])


def fairness(case: Case) -> Outcome:
    x = case["inputs"]["x"]
    return {"jain": jain_index(x), "gini": gini(x)}


def worths_are(kind: type) -> Callable[[Case], bool]:
    return lambda case: isinstance(case["inputs"]["v"], kind)


FAMILIES = (
    Family("cooperative", frozenset({"n", "v"}), by_words, when=worths_are(str)),
    Family("cooperative", frozenset({"v"}), by_table, optional=frozenset({"n"}), when=worths_are(dict)),
    Family("cooperative", frozenset({"left", "right"}), gloves),
    Family("cooperative", frozenset({"costs"}), airport, optional=frozenset({"n"})),
    Family("cooperative", frozenset({"quota", "weights"}), votes, optional=frozenset({"n"})),
    Family("cooperative", frozenset({"estate", "claims"}), claims),
)
CLEARING = {"shapley": clearing_shapley, "fairness_index": fairness}
