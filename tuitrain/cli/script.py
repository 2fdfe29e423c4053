"""What a training script offers, found by reading it; nothing of it is run."""

import ast
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tuitrain.cli.failures import UsageError

DEFAULT_FUNCTION: Final = "task"
"""The task function that is looked for when none is named."""


@dataclass(frozen=True)
class Script:
    """A training script and how it is run."""

    path: Path
    """Absolute."""
    function: str | None
    """Name of the task function; None: a loop of its own around `tuitrain.init`."""


def find_script(argument: str) -> Script:
    """Return what `SCRIPT[:FUNCTION]` names.

    Raises:
        UsageError: There is no such script, or it offers nothing that can be run.
    """
    path, function = _split(argument)
    tree = _parse(path)
    names, has_star = _names(tree.body)
    wanted = function or DEFAULT_FUNCTION
    if wanted in names or (has_star and function is not None):
        return Script(path.resolve(), wanted)
    if function is not None:
        raise UsageError(f"{path}: has no function {function!r}; {_offers(tree, path)}")
    if _has_own_loop(tree):
        return Script(path.resolve(), None)
    if has_star:
        return Script(path.resolve(), wanted)
    raise UsageError(
        f"{path}: has no function {wanted!r} and no call of tuitrain.init; "
        f"{_offers(tree, path)}"
    )


def _split(argument: str) -> tuple[Path, str | None]:
    path = Path(argument)
    function = None
    if not path.exists() and ":" in argument:
        before, _, function = argument.rpartition(":")
        path = Path(before)
        if not function.isidentifier():
            raise UsageError(
                f"{argument}: {function!r} is no name of a function; "
                "give SCRIPT or SCRIPT:FUNCTION"
            )
    if path.is_dir():
        raise UsageError(f"{path}: is a folder; give the path of a training script")
    if not path.exists():
        raise UsageError(f"{path}: no such script; give the path of a training script")
    return path, function


def _parse(path: Path) -> ast.Module:
    try:
        return ast.parse(path.read_bytes(), filename=str(path))
    except OSError as error:
        raise UsageError(f"{path}: can't be read ({error.strerror})") from None
    except SyntaxError as error:
        where = f"{path}:{error.lineno}" if error.lineno else str(path)
        raise UsageError(f"{where}: is no Python ({error.msg}); repair it") from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise UsageError(f"{path}: is no Python ({error}); give a script") from None


def _names(body: list[ast.stmt]) -> tuple[set[str], bool]:
    """Return the names a module's own statements bind, and whether `*` is imported."""
    names, has_star = set[str](), False
    for statement in body:
        match statement:
            case (
                ast.FunctionDef(name=name)
                | ast.AsyncFunctionDef(name=name)
                | ast.ClassDef(name=name)
            ):
                names.add(name)
            case ast.Assign() | ast.AnnAssign() | ast.AugAssign():
                names |= _stored(statement)
            case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
                bound = {alias.asname or alias.name for alias in aliases}
                has_star |= "*" in bound
                names |= bound
            case ast.If() | ast.Try() | ast.With() | ast.For() | ast.While():
                for block in _blocks(statement):
                    inner, inner_star = _names(block)
                    names |= inner
                    has_star |= inner_star
            case _:
                pass
    return names - {"*"}, has_star


def _blocks(statement: ast.stmt) -> list[list[ast.stmt]]:
    blocks = [
        getattr(statement, field, []) for field in ("body", "orelse", "finalbody")
    ]
    return blocks + [h.body for h in getattr(statement, "handlers", [])]


def _stored(statement: ast.stmt) -> set[str]:
    return {
        node.id
        for node in ast.walk(statement)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }


def _has_own_loop(tree: ast.Module) -> bool:
    """Whether `tuitrain.init` is called, under whatever name it was imported."""
    modules, functions = {"tuitrain"}, set[str]()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules |= {
                a.asname for a in node.names if a.name == "tuitrain" and a.asname
            }
        if isinstance(node, ast.ImportFrom) and node.module == "tuitrain":
            functions |= {a.asname or a.name for a in node.names if a.name == "init"}
    return any(
        isinstance(node, ast.Call) and _is_init(node.func, modules, functions)
        for node in ast.walk(tree)
    )


def _is_init(called: ast.expr, modules: set[str], functions: set[str]) -> bool:
    match called:
        case ast.Attribute(value=ast.Name(id=module), attr="init"):
            return module in modules
        case ast.Name(id=name):
            return name in functions
        case _:
            return False


def _offers(tree: ast.Module, path: Path) -> str:
    functions = [
        statement.name
        for statement in tree.body
        if isinstance(statement, ast.FunctionDef) and not statement.name.startswith("_")
    ]
    if not functions:
        return "write one: def task(trial: Trial) -> Task"
    shown = ", ".join(functions[:5])
    return f"it defines {shown}: name one with {path}:{functions[0]}"
