"""The one list of keys: bindings, footer, help screen and docs are made from it."""

from collections.abc import Iterable
from enum import StrEnum

import msgspec
from textual.binding import Binding


class KeyGroup(StrEnum):
    """What a key is about; the headings of the help screen."""

    STUDY = "The study"
    TRIALS = "Trials"
    CURVES = "Curves"
    SCREENS = "Other screens"
    SCREEN = "This screen"
    REPLAY = "Replay"
    READING = "Trial, log, grid, comparison and help"
    LOG = "Log"
    GRID = "Grid"
    PLAN = "Plan editor"
    HOME = "Home"


class Key(msgspec.Struct, frozen=True):
    """One thing a key does."""

    keys: str
    """Textual's names, separated by commas."""
    shown: str
    """What is printed on the key."""
    action: str
    label: str
    """A word or two for the footer; empty: not in the footer."""
    help: str
    """A sentence for help and docs."""
    group: KeyGroup


def _study(keys: str, shown: str, action: str, label: str, help_: str) -> Key:
    return Key(keys, shown, action, label, help_, KeyGroup.STUDY)


def _trials(keys: str, shown: str, action: str, label: str, help_: str) -> Key:
    return Key(keys, shown, action, label, help_, KeyGroup.TRIALS)


def _curves(keys: str, shown: str, action: str, label: str, help_: str) -> Key:
    return Key(keys, shown, action, label, help_, KeyGroup.CURVES)


def _screens(keys: str, shown: str, action: str, label: str, help_: str) -> Key:
    return Key(keys, shown, action, label, help_, KeyGroup.SCREENS)


def _screen(keys: str, shown: str, action: str, label: str, help_: str) -> Key:
    return Key(keys, shown, action, label, help_, KeyGroup.SCREEN)


def _replay(keys: str, shown: str, action: str, label: str, help_: str) -> Key:
    return Key(keys, shown, action, label, help_, KeyGroup.REPLAY)


MAIN_KEYS = (
    _study(
        "enter", "enter", "go_on", "run", "Run the current step, or go on to the next."
    ),
    _study("n", "n", "move_step(1)", "next", "Go to the next step without running it."),
    _study("p", "p", "move_step(-1)", "back", "Go back to the previous step."),
    _study("r", "r", "rerun", "again", "Run the current step once more."),
    _study(
        "o",
        "o",
        "override",
        "overrule",
        "Overrule the verdict of this step; asks for the new one and a note.",
    ),
    _study("a", "a", "accept", "accept", "Accept the best configuration: best.json."),
    *(
        _study(
            str(number),
            str(number),
            f"apply({number})",
            "",
            "Put advice 1 … 9 into the plan of the next run or round.",
        )
        for number in range(1, 10)
    ),
    _study("A", "A", "auto", "auto", "Let step follow step by itself, or stop that."),
    _study("s", "s", "stop_trial", "stop", "Stop the chosen trial; asks first."),
    _study("C", "C", "resume_trial", "", "Carry on a trial that died or was stopped."),
    _trials("up,k", "↑", "move_cursor(-1)", "", "Choose the trial above."),
    _trials("down,j", "↓", "move_cursor(1)", "", "Choose the trial below."),
    _trials("m", "m", "mark", "mark", "Draw the curves of the chosen trial, or don't."),
    _trials(
        "M", "M", "unmark", "", "Forget the marks: draw what runs and what is best."
    ),
    _trials("S", "S", "sort", "", "Sort the trials by the next column, or by none."),
    _trials("R", "R", "reverse", "", "Turn the order of the trials round."),
    _trials(
        "slash",
        "/",
        "filter",
        "find",
        "List trials with some words only: state, step, lr=1e-2; esc lists all.",
    ),
    _trials(
        "c", "c", "compare", "compare", "The marked trials side by side, two or more."
    ),
    _curves("y", "y", "log_y", "log y", "Logarithmic y axis, on or off."),
    _curves("x", "x", "x_axis", "x axis", "Count iterations, epochs or time."),
    _curves(
        "w",
        "w",
        "smooth(1)",
        "smooth",
        "Draw a moving mean over more iterations; after the longest, none.",
    ),
    _curves("W", "W", "smooth(-1)", "", "Draw a moving mean over fewer iterations."),
    _curves("i", "i", "zoom_curves(1)", "closer", "Show half as much of the x axis."),
    _curves("I", "I", "zoom_curves(-1)", "", "Show twice as much of the x axis."),
    _curves("left_parenthesis", "(", "pan_curves(-1)", "", "Show what is left."),
    _curves("right_parenthesis", ")", "pan_curves(1)", "", "Show what is right."),
    _curves(
        "left_square_bracket",
        "[",
        "move_reader(-1)",
        "read",
        "Read the values of every curve; move the place to the left.",
    ),
    _curves(
        "right_square_bracket",
        "]",
        "move_reader(1)",
        "",
        "Move the place where values are read to the right.",
    ),
    _curves(
        "left_curly_bracket", "{", "move_reader(-10)", "", "Ten steps to the left."
    ),
    _curves(
        "right_curly_bracket", "}", "move_reader(10)", "", "Ten steps to the right."
    ),
    _curves("0", "0", "reset_curves", "", "Show the whole x axis, and read nowhere."),
    _curves(
        "v",
        "v",
        "events",
        "",
        "Vertical marks: LR changes and findings, the ends of epochs too, or none.",
    ),
    _curves("b", "b", "glyphs", "", "Draw with braille, blocks or plain ASCII."),
    _screens("t", "t", "open_trial", "trial", "Everything about the chosen trial."),
    _screens("l", "l", "open_log", "log", "What the chosen trial printed."),
    _screens("g", "g", "open_grid", "grid", "Learning rate × weight decay as a map."),
    _screens(
        "e",
        "e",
        "open_plan",
        "plan",
        "Edit the plan of this step: learning rates, epochs, trials at once.",
    ),
    _screens("u", "u", "open_gpus", "GPUs", "Who uses each GPU, now and lately."),
    _screens("question_mark,f1", "?", "open_help", "help", "All keys."),
    _screen(
        "tab",
        "tab",
        "move_pane(1)",
        "pane",
        "Choose the next pane: it scrolls, z shows it alone.",
    ),
    _screen("shift+tab", "shift+tab", "move_pane(-1)", "", "The pane before."),
    _screen("z", "z", "zoom", "zoom", "One pane at a time, or all of them."),
    _screen("pagedown", "pgdn", "scroll_pane(1)", "", "Read on in the chosen pane."),
    _screen("pageup", "pgup", "scroll_pane(-1)", "", "Read back in the chosen pane."),
    _screen(
        "ctrl+s", "ctrl+s", "save_picture", "", "Save this screen as an SVG picture."
    ),
    _screen(
        "ctrl+p",
        "ctrl+p",
        "app.command_palette",
        "",
        "Find what you want by typing; the themes by name, too.",
    ),
    _screen(
        "d", "d", "detach", "detach", "Leave the screen; the study goes on without it."
    ),
    _screen(
        "q,ctrl+c",
        "q",
        "ask_quit",
        "quit",
        "Quit; asks whether running trials go on.",
    ),
)
"""Keys of the main screen."""

REPLAY_KEYS = (
    _replay("space", "space", "play", "play", "Play or pause."),
    _replay("plus,equals_sign", "+", "change_speed(1)", "faster", "Play faster."),
    _replay("minus", "-", "change_speed(-1)", "slower", "Play slower."),
    _replay("left", "←", "seek_by(-10)", "-10 s", "Ten recorded seconds back."),
    _replay("right", "→", "seek_by(10)", "+10 s", "Ten recorded seconds on."),
    _replay("shift+left", "shift+←", "seek_by(-60)", "", "A recorded minute back."),
    _replay("shift+right", "shift+→", "seek_by(60)", "", "A recorded minute on."),
    _replay(
        "comma", ",", "seek_step(-1)", "step", "Go to the start or verdict before."
    ),
    _replay(
        "full_stop",
        ".",
        "seek_step(1)",
        "step",
        "Go to the next start or verdict of a step.",
    ),
    _replay("less_than_sign", "<", "seek_finding(-1)", "", "Go to the finding before."),
    _replay(
        "greater_than_sign",
        ">",
        "seek_finding(1)",
        "finding",
        "Go to the next moment at which something was found.",
    ),
    _replay("home", "home", "seek_start", "", "Go to the beginning."),
    _replay("end", "end", "seek_end", "end", "Go to the end."),
)
"""Keys of the main screen that move a replay."""

READING_KEYS = (
    Key("escape,q", "esc", "close", "close", "Back to the study.", KeyGroup.READING),
    Key("up,k", "↑", "scroll(-1)", "", "One line up.", KeyGroup.READING),
    Key("down,j", "↓", "scroll(1)", "scroll", "One line down.", KeyGroup.READING),
    Key("pageup", "pgup", "scroll_page(-1)", "", "One page up.", KeyGroup.READING),
    Key(
        "pagedown,space",
        "pgdn",
        "scroll_page(1)",
        "page",
        "One page down.",
        KeyGroup.READING,
    ),
    Key("home", "home", "scroll_to_start", "top", "To the top.", KeyGroup.READING),
    Key(
        "end",
        "end",
        "scroll_to_end",
        "end",
        "To the end; a log is followed from there on.",
        KeyGroup.READING,
    ),
    Key(
        "ctrl+s",
        "ctrl+s",
        "save_picture",
        "",
        "Save this screen as an SVG picture.",
        KeyGroup.READING,
    ),
)
"""Keys of the screens that are read: trial, log, grid, help."""

LOG_KEYS = (
    Key("f", "f", "follow", "follow", "Stay at the end, or no longer.", KeyGroup.LOG),
    Key(
        "slash",
        "/",
        "search",
        "search",
        "Find the lines that hold a text.",
        KeyGroup.LOG,
    ),
    Key(
        "n",
        "n",
        "go_to_match(1)",
        "next",
        "Go to the next line that holds it.",
        KeyGroup.LOG,
    ),
    Key(
        "N",
        "N",
        "go_to_match(-1)",
        "",
        "Go to the line before that holds it.",
        KeyGroup.LOG,
    ),
    Key("w", "w", "wrap", "wrap", "Wrap long lines, or cut them.", KeyGroup.LOG),
)
"""Keys of the log alone."""

GRID_KEYS = (
    Key("m", "m", "metric(1)", "metric", "Show the next metric.", KeyGroup.GRID),
    Key("M", "M", "metric(-1)", "", "Show the metric before.", KeyGroup.GRID),
)
"""Keys of the grid alone."""

PLAN_KEYS = (
    Key("up,k", "↑", "move_row(-1)", "", "Choose the setting above.", KeyGroup.PLAN),
    Key("down,j", "↓", "move_row(1)", "", "Choose the setting below.", KeyGroup.PLAN),
    Key(
        "enter,e",
        "enter",
        "type",
        "edit",
        "Type another value; enter keeps it, esc forgets it.",
        KeyGroup.PLAN,
    ),
    Key(
        "backspace",
        "backspace",
        "take_back",
        "",
        "Take back what was typed for this setting.",
        KeyGroup.PLAN,
    ),
    Key("s", "s", "save", "save", "Save to study.toml.", KeyGroup.PLAN),
    Key(
        "left,p",
        "←",
        "move_step(-1)",
        "step",
        "The plan of the step before.",
        KeyGroup.PLAN,
    ),
    Key(
        "right,n",
        "→",
        "move_step(1)",
        "step",
        "The plan of the next step.",
        KeyGroup.PLAN,
    ),
)
"""Keys of the plan editor alone."""

HOME_KEYS = (
    Key(
        "enter",
        "enter",
        "open_study",
        "open",
        "Attach to the study if it runs, replay it if it is over.",
        KeyGroup.HOME,
    ),
    Key(
        "s",
        "s",
        "start_script",
        "start",
        "Start the study of a script; asks which.",
        KeyGroup.HOME,
    ),
    Key("v", "v", "replay_study", "replay", "Replay the study.", KeyGroup.HOME),
    Key("up,k", "↑", "move_cursor(-1)", "", "Choose the study above.", KeyGroup.HOME),
    Key("down,j", "↓", "move_cursor(1)", "", "Choose the study below.", KeyGroup.HOME),
    Key("question_mark,f1", "?", "open_help", "help", "All keys.", KeyGroup.HOME),
    Key("q,escape,ctrl+c", "q", "leave", "quit", "Leave tuitrain.", KeyGroup.HOME),
)
"""Keys of the home screen."""

ALL_KEYS = (
    *MAIN_KEYS,
    *REPLAY_KEYS,
    *READING_KEYS,
    *LOG_KEYS,
    *GRID_KEYS,
    *PLAN_KEYS,
    *HOME_KEYS,
)


def to_bindings(keys: Iterable[Key]) -> list[Binding]:
    """Return Textual's bindings for `keys`."""
    return [
        Binding(key.keys, key.action, key.label or key.help, show=bool(key.label))
        for key in keys
    ]


def help_rows(group: KeyGroup) -> list[tuple[str, str]]:
    """Return (key, sentence) of each thing a group's keys do, in order.

    Keys that do the same, such as the digits, share a row.
    """
    rows: dict[str, str] = {}
    for key in ALL_KEYS:
        if key.group is group:
            shown = rows.get(key.help)
            first = shown.split(" ")[0] if shown else key.shown
            rows[key.help] = key.shown if shown is None else f"{first} … {key.shown}"
    return [(shown, sentence) for sentence, shown in rows.items()]
