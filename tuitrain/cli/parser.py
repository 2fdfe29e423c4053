"""The command line: what may be typed, and what it means."""

import argparse
from collections.abc import Sequence
from typing import Final, NoReturn

import tuitrain
from tuitrain.cli.failures import UsageError

EXIT_STATUSES: Final = (
    ("0", "done, and what was judged passed"),
    (
        "1",
        "a step failed, a finding is critical, the study was stopped, or doctor found "
        "something broken",
    ),
    ("2", "wrong use, or input that can't be used; one line on stderr says which"),
    ("3", "the program's own fault; stderr says where the traceback is"),
    ("128+n", "ended by signal n (130: Ctrl-C)"),
)
"""What the exit status says, for the help and the documentation."""


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, without the usage before it."""

    def error(self, message: str) -> NoReturn:
        """Raise what is wrong with the arguments.

        Raises:
            UsageError: Always.
        """
        raise UsageError(f"{message}; see: {self.prog} --help")


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """Return what `argv` asks for; what stands after `--` is the script's own.

    Raises:
        UsageError: It can't be understood.
    """
    cut = argv.index("--") if "--" in argv else len(argv)
    options = make_parser().parse_args(argv[:cut])
    arguments = list(argv[cut + 1 :])
    if arguments and options.command not in ("run", "resume"):
        # Not shown: there may be a secret among them.
        raise UsageError(
            f"{options.command or 'the home screen'} takes nothing after --; only run "
            "and resume do"
        )
    options.arguments = arguments
    return options


def make_parser() -> Parser:
    """Return the parser of the whole command line."""
    parser = Parser(
        prog="tuitrain",
        description=(
            "Choose hyperparameters in six steps, from a terminal. "
            "Without a command: the studies here, to start, attach and replay."
        ),
        epilog="Exit status: "
        + "; ".join(f"{code} {meaning}" for code, meaning in EXIT_STATUSES)
        + ".",
        allow_abbrev=False,
    )
    parser.add_argument(
        "--version", action="version", version=f"tuitrain {tuitrain.__version__}"
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    _add_demo(commands)
    _add_run(commands)
    _add_attach(commands)
    _add_list(commands)
    _add_stop(commands)
    _add_resume(commands)
    _add_replay(commands)
    _add_diagnose(commands)
    _add_doctor(commands)
    return parser


_Commands = argparse._SubParsersAction  # noqa: SLF001 - it has no public name


def _add(commands: "_Commands[Parser]", name: str, text: str) -> Parser:
    return commands.add_parser(name, help=text, description=text, allow_abbrev=False)


def _add_demo(commands: "_Commands[Parser]") -> None:
    parser = _add(
        commands, "demo", "Walk the bundled digits through the six steps, anew."
    )
    _add_walk_options(parser)
    _add_device_options(parser)


def _add_run(commands: "_Commands[Parser]") -> None:
    parser = _add(commands, "run", "Start or carry on the study of a training script.")
    parser.epilog = (
        "What stands after -- is given to a script with a loop of its own: "
        "tuitrain run train.py -- --data DIR. What looks like a secret there is "
        "redacted wherever it is shown or written down. "
        "Over SSH, ssh HOST 'tuitrain run train.py --headless &' returns once the study "
        "runs."
    )
    parser.add_argument(
        "script",
        metavar="SCRIPT[:FUNCTION]",
        help="the script, and its task function (default: task)",
    )
    _add_walk_options(parser)
    _add_device_options(parser)
    parser.add_argument(
        "--python", metavar="PATH", help="interpreter that runs the script"
    )
    parser.add_argument(
        "--seed", metavar="N", type=int, help="seed of the first trial (default: 0)"
    )
    parser.add_argument(
        "--metric", metavar="NAME", help="series that ranks trials (default: auto)"
    )


def _add_attach(commands: "_Commands[Parser]") -> None:
    parser = _add(commands, "attach", "Show a running study on the screen again.")
    _add_study(parser)
    _add_ascii(parser)
    _add_terms(parser)


def _add_list(commands: "_Commands[Parser]") -> None:
    parser = _add(commands, "list", "List the studies here and the running ones.")
    parser.add_argument(
        "folders",
        metavar="FOLDER",
        nargs="*",
        default=["runs"],
        help="where to look (default: runs)",
    )
    _add_json(parser)


def _add_stop(commands: "_Commands[Parser]") -> None:
    parser = _add(commands, "stop", "Stop a study's trials and its supervisor.")
    _add_study(parser)


def _add_resume(commands: "_Commands[Parser]") -> None:
    parser = _add(
        commands,
        "resume",
        "Carry on trials of the current step that died or were stopped, each from its "
        "last checkpoint.",
    )
    parser.epilog = (
        "Secrets among the script's arguments are forgotten when the machine restarts; "
        "the arguments are given again after --: tuitrain resume STUDY -- --token VALUE."
    )
    parser.add_argument(
        "study", metavar="STUDY", help="its folder, or its name in runs"
    )
    parser.add_argument(
        "trials",
        metavar="TRIAL",
        nargs="*",
        help="which ones: 0007 (default: all that died)",
    )


def _add_replay(commands: "_Commands[Parser]") -> None:
    parser = _add(
        commands,
        "replay",
        "Show a study folder, a trial folder or a log again: a study from its start, "
        "anything else whole; space plays it.",
    )
    parser.add_argument("path", metavar="PATH", help="a study folder or a log")
    parser.add_argument(
        "--headless", action="store_true", help="print it instead of showing it"
    )
    _add_json(parser)
    _add_ascii(parser)
    _add_terms(parser)


def _add_diagnose(commands: "_Commands[Parser]") -> None:
    parser = _add(
        commands, "diagnose", "Print the verdicts and findings of a log only."
    )
    parser.add_argument("path", metavar="PATH", help="a study folder or a log")
    _add_json(parser)
    _add_ascii(parser)


def _add_doctor(commands: "_Commands[Parser]") -> None:
    parser = _add(
        commands,
        "doctor",
        "Look for what could break a promise on this machine, and say what mends it.",
    )
    _add_json(parser)
    _add_ascii(parser)


def _add_walk_options(parser: Parser) -> None:
    parser.add_argument(
        "--headless",
        action="store_true",
        help="no screen: every step in turn, lines on stdout",
    )
    _add_json(parser)
    parser.add_argument(
        "--auto", action="store_true", help="on the screen, too, step follows step"
    )
    parser.add_argument(
        "--until", metavar="STEP", help="the last step to run: its name, or 1 to 6"
    )
    parser.add_argument(
        "--study", metavar="DIR", help="the study's folder (default: runs/NAME)"
    )
    _add_ascii(parser)
    _add_terms(parser)


def _add_device_options(parser: Parser) -> None:
    parser.add_argument(
        "--slots",
        metavar="N",
        type=int,
        help="trials at once without a GPU (default: half the cores)",
    )
    parser.add_argument(
        "--per-gpu", metavar="K", type=int, help="trials at once on each GPU"
    )
    parser.add_argument(
        "--gpus", metavar="WHICH", help="auto, none, or indices or UUIDs: 0,1"
    )
    parser.add_argument(
        "--cold",
        action="store_true",
        help="a fresh interpreter for every trial instead of the warm starter",
    )


def _add_study(parser: Parser) -> None:
    parser.add_argument(
        "study",
        metavar="STUDY",
        nargs="?",
        help="its folder, or its name below runs (default: the only running one)",
    )


def _add_json(parser: Parser) -> None:
    parser.add_argument(
        "--json",
        action="store_true",
        help="one JSON document on stdout, everything else on stderr; no screen",
    )


def _add_ascii(parser: Parser) -> None:
    parser.add_argument(
        "--ascii", action="store_true", help="plain ASCII instead of braille and lines"
    )


def _add_terms(parser: Parser) -> None:
    parser.add_argument(
        "--no-mouse",
        action="store_true",
        help="leave the mouse to the terminal, which then selects text as usual",
    )
    parser.add_argument(
        "--theme",
        metavar="NAME",
        help="colours of the screen: ansi-dark, nord, … (default: ansi-dark over SSH)",
    )
