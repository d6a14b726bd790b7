"""Pages of P00x (the text) and P01x (the shape)."""

from __future__ import annotations

from collections.abc import Mapping

from controller.language.rules.page import AS_IT_IS, Page, both, change

SHAPE_PAGES: Mapping[str, Page] = {
    "P001": Page(
        "Every incident carries the text it opened with, and the judge's state is bounded, so a"
        " playbook is at most 32 kB.",
        bad=change(why="It is slow. " * 3_000),
        good=AS_IT_IS,
    ),
    "P002": Page(
        "What is not YAML can be read in more than one way. Text that holds `: ` is quoted.",
        bad=change(why="slow: very"),
        good=change(why='"slow: very"'),
    ),
    "P003": Page(
        "YAML turns some bare words into booleans, numbers and nulls; a key is never meant so.",
        bad=change(below="true: 1\n"),
        good=AS_IT_IS,
    ),
    "P004": Page(
        "Of two values YAML readers silently take one, and not all the same one.",
        bad=change(below="owner: somebody-else\n"),
        good=AS_IT_IS,
    ),
    "P005": Page(
        "Tags run code in some readers, merge keys hide where a value comes from, and nested"
        " aliases grow without end. A playbook is read by people: write it out.",
        bad=change(owner="!name recs-oncall"),
        good=AS_IT_IS,
    ),
    "P006": Page(
        "Inside [ ] and { } YAML itself reads `{`, `}` and `,`, so a bare condition falls apart.",
        bad=change(when="{any: [arm_bad{arm=primary} > 20%]}"),
        good=change(when='{any: ["arm_bad{arm=primary} > 20%"]}'),
    ),
    "P010": Page(
        "A key that nobody reads is a wish that is not granted: a mistyped guard guards nothing.",
        bad=change(guards="{coldown: 20m}"),
        good=change(guards="{cooldown: 20m}"),
    ),
    "P011": Page(
        "What happens on missing data, who is asked and when it is over are decided by the author"
        " and not by a default.",
        bad=change(no_data=None),
        good=change(no_data="hold"),
    ),
    "P012": Page(
        "A value outside its range is a slip of the pen, and a guess what was meant would act.",
        bad=change(guards="{priority: 500}"),
        good=change(guards="{priority: 90}"),
    ),
    "P013": Page(
        "A bare 10 is ten of something, and seconds and minutes are sixty apart.",
        bad=change(guards="{cooldown: 10}"),
        good=change(guards="{cooldown: 10m}"),
    ),
    "P014": Page(
        "Incidents, budgets and the log know a playbook by its name.",
        bad=both({}, {}),
        good=both({}, {"playbook": "slow-too"}),
    ),
}
