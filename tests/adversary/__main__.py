"""Start the adversary: a model server that misbehaves on purpose, for any application that speaks OpenAI's API."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import sys
from collections.abc import Sequence

from tests.adversary.behaviours import BEHAVIOURS
from tests.adversary.server import Adversary

_EPILOG = """
behaviours
{behaviours}

A mixture plays one of them at each request, by weight:
  python -m tests.adversary --behaviour honest=90 --behaviour lies-about-amounts=5 --behaviour stalls=5

Or misbehave in one place only, by the name of the schema that an answer must fit:
  python -m tests.adversary --only Critique=objects

Then point an application at it - this platform by LLM_BASE_URL, langchain-openai by base_url, any other client by its
own setting - with any API key and any model name:
  LLM_BASE_URL=http://127.0.0.1:8100/v1 LLM_MODEL=adversary wo serve worker

It reads the schema of response_format and the last message. Choices that the message quotes are taken for offered, and
whatever it lists as "id" for citable; so its answers fit most applications without a word of configuration.
GET /played says how often each behaviour was played. The same seed and the same requests in the same order give the
same answers.
"""


def parser() -> argparse.ArgumentParser:
    lines = "\n".join(f"  {name:20} {(play.__doc__ or '').splitlines()[0]}" for name, play in BEHAVIOURS.items())
    made = argparse.ArgumentParser(
        "python -m tests.adversary",
        description=__doc__,
        epilog=_EPILOG.format(behaviours=lines),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("--behaviour", action="append", metavar="NAME[=WEIGHT]", help="default: honest", type=weighted)
    made.add_argument("--only", action="append", metavar="SCHEMA=NAME", help="for answers to one schema", type=only)
    made.add_argument("--mood", action="append", metavar="NAME=PERCENT", help="kept up for a whole talk", type=weighted)
    made.add_argument("--seed", type=int, default=0, help="of every random choice (default 0)")
    made.add_argument("--port", type=int, default=8100, help="0: any free one (default 8100)")
    made.add_argument("--stall-seconds", type=float, default=30.0, help="how long `stalls` says nothing (default 30)")
    return made


def weighted(text: str) -> tuple[str, float]:
    name, _, weight = text.partition("=")
    if name not in BEHAVIOURS:
        raise argparse.ArgumentTypeError(f"there is no behaviour {name!r}; known: {', '.join(BEHAVIOURS)}")
    try:
        value = float(weight or 1)
    except ValueError:
        raise argparse.ArgumentTypeError(f"the weight of {name} is a number, not {weight!r}") from None
    return name, value


def only(text: str) -> tuple[str, str]:
    schema, _, name = text.partition("=")
    if not schema or name not in BEHAVIOURS:
        raise argparse.ArgumentTypeError(f"{text!r} is not SCHEMA=NAME with one of: {', '.join(BEHAVIOURS)}")
    return schema, name


async def serve(arguments: argparse.Namespace) -> None:
    mixture = dict(arguments.behaviour or [("honest", 1.0)])
    adversary = Adversary(
        mixture,
        seed=arguments.seed,
        by_schema=dict(arguments.only or ()),
        moods=dict(arguments.mood or ()),
        stall=arguments.stall_seconds,
    )
    async with adversary.serving(arguments.port) as url:
        print(f"the adversary answers at {url}: {', '.join(mixture)}; Ctrl-C stops it", flush=True)
        await asyncio.Event().wait()


def main(argv: Sequence[str]) -> int:
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve(parser().parse_args(argv)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
