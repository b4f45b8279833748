"""Writes merge.json: three versions of a session and what their merge is.

Every expectation is written out by hand from the rules in core/include/coatcheck/merge.hpp; this program only puts each
case at several depths and under the three policies.
"""

import json
import pathlib

ABSENT = object()  # the member is not there
CONFLICT = "ERR_SESSION_CONFLICT"

# Name, base, mine, theirs, merged: no collision, so every policy gives the same.
CLEAN = [
    ("nobody changed", 1, 1, 1, 1),
    ("mine changed", 1, 2, 1, 2),
    ("theirs changed", 1, 1, 2, 2),
    ("both to the same", 1, 2, 2, 2),
    ("mine added", ABSENT, 1, ABSENT, 1),
    ("theirs added", ABSENT, ABSENT, 1, 1),
    ("both added the same", ABSENT, "x", "x", "x"),
    ("mine removed", 1, ABSENT, 1, ABSENT),
    ("theirs removed", 1, 1, ABSENT, ABSENT),
    ("both removed", 1, ABSENT, ABSENT, ABSENT),
    ("null is a value", None, None, 1, 1),
    ("1 and 1.0 are one value", 1, 1.0, 2, 2),
    ("text and number differ", 1, "1", 1, "1"),
    ("members of both", {}, {"a": 1}, {"b": 2}, {"b": 2, "a": 1}),
    ("member removed, member added", {"a": 1}, {}, {"a": 1, "b": 2}, {"b": 2}),
    ("object begun by both", ABSENT, {"a": 1}, {"b": 2}, {"b": 2, "a": 1}),
    ("object in place of null by both", None, {"a": 1}, {"b": 2}, {"b": 2, "a": 1}),
    ("deep members", {"p": {"q": {}}}, {"p": {"q": {"a": 1}}}, {"p": {"q": {"b": 2}}}, {"p": {"q": {"b": 2, "a": 1}}}),
    ("order of members is no change", {"a": 1, "b": 2}, {"b": 2, "a": 1}, {"a": 3, "b": 2}, {"a": 3, "b": 2}),
    ("both emptied", {"a": 1}, {}, {}, {}),
    ("list begun by both", ABSENT, ["m"], ["t"], ["t", "m"]),
    ("list in place of null by both", None, ["m"], ["t"], ["t", "m"]),
    ("list begun with one value by both", ABSENT, ["x"], ["x"], ["x"]),
    ("both appended", ["a"], ["a", "m"], ["a", "t"], ["a", "t", "m"]),
    ("both appended several", ["a"], ["a", "m", "n"], ["a", "t", "u"], ["a", "t", "u", "m", "n"]),
    ("both appended the same", ["a"], ["a", "x"], ["a", "x"], ["a", "x"]),
    ("both prepended", ["a"], ["m", "a"], ["t", "a"], ["t", "m", "a"]),
    ("one prepended, one appended", ["a"], ["m", "a"], ["a", "t"], ["m", "a", "t"]),
    ("both inserted between", ["a", "b"], ["a", "m", "b"], ["a", "t", "b"], ["a", "t", "m", "b"]),
    ("inserted at two places", ["a", "b"], ["m", "a", "b"], ["a", "t", "b"], ["m", "a", "t", "b"]),
    ("mine removed, theirs appended", ["a", "b"], ["b"], ["a", "b", "t"], ["b", "t"]),
    ("mine appended, theirs removed", ["a", "b"], ["a", "b", "m"], ["a"], ["a", "m"]),
    ("each removed another", ["a", "b", "c"], ["b", "c"], ["a", "b"], ["b"]),
    ("both removed one", ["a", "b", "c"], ["a", "c"], ["a", "c"], ["a", "c"]),
    ("mine emptied, theirs appended", ["a", "b"], [], ["a", "b", "t"], ["t"]),
    ("each changed another", ["a", "b", "c"], ["A", "b", "c"], ["a", "b", "C"], ["A", "b", "C"]),
    ("neighbours changed", ["a", "b"], ["A", "b"], ["a", "B"], ["A", "B"]),
    ("mine changed, theirs appended", ["a"], ["A"], ["a", "t"], ["A", "t"]),
    ("mine changed and appended, theirs appended", ["a"], ["A", "m"], ["a", "t"], ["A", "t", "m"]),
    ("mine changed, theirs prepended", ["a", "b"], ["a", "B"], ["t", "a", "b"], ["t", "a", "B"]),
    ("mine removed, theirs changed another", ["a", "b", "c"], ["a", "b"], ["A", "b", "c"], ["A", "b"]),
    ("equal elements: one more and one fewer", [1, 1], [1, 1, 1], [1], [1, 1]),
    ("mine moved the last to the front", ["a", "b", "c"], ["c", "a", "b"], ["a", "b", "c", "t"], ["c", "a", "b", "t"]),
    ("list in list", [["a"], ["b"]], [["a", "m"], ["b"]], [["a"], ["b", "t"]], [["a", "m"], ["b", "t"]]),
    ("both appended to a list in a list", [["a"]], [["a", "m"]], [["a", "t"]], [["a", "t", "m"]]),
    (
        "members of one element",
        [{"id": 1}],
        [{"id": 1, "m": 1}],
        [{"id": 1, "t": 1}],
        [{"id": 1, "t": 1, "m": 1}],
    ),
    (
        "cart line: quantity by mine, a line by theirs",
        [{"id": 1, "n": 1}],
        [{"id": 1, "n": 2}],
        [{"id": 1, "n": 1}, {"id": 2, "n": 1}],
        [{"id": 1, "n": 2}, {"id": 2, "n": 1}],
    ),
    (
        "cart line: both changed it and appended",
        [{"id": 1, "n": 1}],
        [{"id": 1, "n": 2}, {"id": 3}],
        [{"id": 1, "n": 1, "gift": True}, {"id": 2}],
        [{"id": 1, "n": 2, "gift": True}, {"id": 2}, {"id": 3}],
    ),
    ("unicode", ["é"], ["é", "😀"], ["é", "ß"], ["é", "ß", "😀"]),
    ("escapes", ['"'], ['"', "\n"], ['"', "\\"], ['"', "\\", "\n"]),
]

# Name, base, mine, theirs: a collision, which gives mine, theirs or a refusal.
COLLISIONS = [
    ("two values", 1, 2, 3),
    ("two texts", "a", "b", "c"),
    ("changed and removed", 1, 2, ABSENT),
    ("removed and changed", 1, ABSENT, 3),
    ("both added, differently", ABSENT, 1, 2),
    ("set to null and changed", 1, None, 2),
    ("two kinds", 1, [1], {"a": 1}),
    ("one element to two values", ["a", "b"], ["A", "b"], ["x", "b"]),
    ("list removed and appended to", ["a"], ABSENT, ["a", "t"]),
    ("object removed and added to", {"a": 1}, ABSENT, {"a": 1, "b": 2}),
    ("list made an object and appended to", ["a"], {"a": 1}, ["a", "t"]),
]

# Rule, base, mine, theirs, merged.
RULES = [
    ("sum", 5, 6, 8, 9),
    ("sum", 5, 4, 5, 4),
    ("sum", ABSENT, 1, 2, 3),
    ("sum", 0, 0.5, 0.25, 0.75),
    ("sum", 10, 7, 8, 5),
    ("sum", 5, 6, 6, 7),
    ("reject", 5, 6, 6, 6),
    ("max", 5, 6, 6, 6),
    ("max", 5, 6, 8, 8),
    ("max", 5, 9, 8, 9),
    ("min", 5, 3, 4, 3),
    ("min", 5, 6, 4, 4),
    ("union", ["a"], ["a", "x"], ["a", "x", "y"], ["a", "x", "y"]),
    ("union", ["a", "b"], ["a", "m"], ["a", "b", "t"], ["a", "t", "m"]),
    ("union", ABSENT, ["a"], ["a", "b"], ["a", "b"]),
    ("mine", ["a"], ["a", "m"], ["a", "t"], ["a", "m"]),
    ("theirs", ["a"], ["a", "m"], ["a", "t"], ["a", "t"]),
    ("mine", {"a": 1}, {"a": 2}, {"a": 1, "b": 1}, {"a": 2}),
    ("theirs", 1, 2, ABSENT, ABSENT),
    ("reject", ["a"], ["a", "m"], ["a", "t"], CONFLICT),
    ("reject", ["a"], ["a", "m"], ["a"], ["a", "m"]),
]

DEPTHS = [["v"], ["cart", "deep", "v"]]


def at(path, value):
    """A session that holds the value at a path, beside what nobody changed."""
    made = {} if value is ABSENT else {path[-1]: value}
    for name in reversed(path[:-1]):
        made = {name: made}
    return {"user": "ann", **made}


def main():
    cases = []

    def add(name, path, sides, policy, rules, merged):
        base, mine, theirs = (at(path, side) for side in sides)
        case = {"name": f"{name}, at {'.'.join(path)}", "base": base, "mine": mine, "theirs": theirs, "policy": policy}
        if rules:
            case["rules"] = rules
        cases.append({**case, **({"error": CONFLICT} if merged == CONFLICT else {"merged": at(path, merged)})})

    for path in DEPTHS:
        for name, *sides, merged in CLEAN:
            add(name, path, sides, "reject", {}, merged)
        for name, *sides in COLLISIONS:
            for policy, merged in (("mine", sides[1]), ("theirs", sides[2]), ("reject", CONFLICT)):
                add(f"{name}, {policy}", path, sides, policy, {}, merged)
        for rule, *sides, merged in RULES:
            add(f"rule {rule}", path, sides, "reject", {".".join(path): rule}, merged)
    for rule, *sides, merged in RULES:
        add(f"rule {rule} by *", DEPTHS[1], sides, "reject", {"cart.*.v": rule}, merged)
        add(f"rule {rule} by pointer", DEPTHS[1], sides, "reject", {"/cart/deep/v": rule}, merged)

    what = {
        "about": "Three-way merges; expectations by hand, see make_merge.py. Compare `merged` as a JSON value.",
        "cases": cases,
    }
    text = json.dumps(what, ensure_ascii=False, indent=1)
    pathlib.Path(__file__).with_name("merge.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
