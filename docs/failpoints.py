"""The reference page of the failpoints, from their table in the code."""

from __future__ import annotations

from dovetail.failpoints import FAILPOINTS, TRACE, Action, Point

_HEAD = f"""# Failpoints

A failpoint is a named place in the program, beside a step that makes something durable. A test can end, break or hold up the program
there. Nothing happens at one unless the environment says so; [how to test crashes](../how-to/test-crashes.md) shows a whole campaign.

```sh fragment
{FAILPOINTS}="{Point.COMMITTED}={Action.KILL}@3,{Point.CONFIRM_BEFORE}=delay(0.5)" dovetail migrate
```

One entry is `name=action@passage`; several are separated by commas.

| action | what happens |
|---|---|
| `kill` | the process ends at once, as by `kill -9` |
| `raise` | an error arises that no part of the program expects or tries again; the command ends with `DV-793` and exit code 4 |
| `delay(seconds)` | the thread that came by sleeps, then goes on |

The passage is `@3` for the third time that the point is reached, `@*` for every time; without it the first one is meant. A mistake
in these words is `DV-119`, exit code 2.

`{TRACE}=FILE` keeps in that file how often each point was passed, and in which order they were passed last, so that
`dovetail.testing.trace.read_passages` can tell where a killed program was. The file is written before anything happens at the point.
"""


def failpoints() -> str:
    """Every point, in the order in which a run meets them."""
    rows = [f"| `{point}` | {point.words} |" for point in Point]
    return "\n".join([_HEAD, "## Points\n", "| name | what is true there |", "|---|---|", *rows])
