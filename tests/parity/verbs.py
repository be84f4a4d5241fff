"""The zones' verbs, found by looking: every public function of the zones and the rules, and every public method of their classes."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from collections.abc import Callable, Iterable, Iterator
from types import ModuleType
from typing import Any

from lakehouse_platform import quality, zones
from lakehouse_platform.publish import curated

PURE = "decides by values that are in memory already"
NAMES = "names columns, tables or transactions; reads none"
EXEMPT = {
    **dict.fromkeys((
        "costs.job_cost", "costs.summed", "gate.standing", "gate.totals", "ledger.Batch.from_json", "ledger.Batch.to_json",
        "ledger.Ledger.adopted", "ledger.Ledger.is_past", "ledger.Ledger.of", "ledger.Ledger.replaced", "ledger.complete_through",
        "ledger.ledger_of", "raw.business_day", "raw.check_image", "raw.drift_of", "rules.demand", "rules.rules_of",
        "status.TableStatus.fresh", "status.TableStatus.zone",
    ), PURE),
    **dict.fromkeys((
        "curated.scratch_schema", "gate.application", "lake.Lake.gate_uri", "lake.Lake.uri", "progress.application", "raw.application",
        "rows.bounded", "rows.declared", "rows.gate_columns", "rows.hds_columns", "rows.key_may_show", "rows.ods_columns", "rows.prunable",
        "rows.raw_columns", "rules.flag",
    ), NAMES),
}
"""Verbs that need no case, and why. None of them takes or gives a frame, a table or an engine."""
TOUCHES = re.compile(r"\b(Frame|LazyFrame|Expr|Table|Lake|Engine|Work)\b")


def modules() -> list[ModuleType]:
    """Modules with logic over rows; Curated is a zone whose module stands with what is published."""
    inner = [importlib.import_module(f"{package.__name__}.{found.name}")
             for package in (zones, quality) for found in pkgutil.iter_modules(package.__path__)]
    return [*inner, curated]


def verbs(looked_at: Iterable[ModuleType]) -> dict[str, Callable[..., Any]]:
    """Every verb, as `module.function` or `module.Class.method`."""
    return {name: function for module in looked_at for name, function in _verbs(module)}


def _verbs(module: ModuleType) -> Iterator[tuple[str, Callable[..., Any]]]:
    short = module.__name__.rpartition(".")[2]
    for name, held in vars(module).items():
        if name.startswith("_") or getattr(held, "__module__", None) != module.__name__:
            continue
        if inspect.isfunction(held):
            yield f"{short}.{name}", held
        elif inspect.isclass(held):
            own = {n: getattr(m, "__func__", m) for n, m in vars(held).items() if not n.startswith("_")}
            yield from ((f"{short}.{name}.{n}", method) for n, method in own.items() if inspect.isfunction(method))


def touches_tables(function: Callable[..., Any]) -> bool:
    """Whether its signature speaks of a frame, a table or an engine."""
    signature = inspect.signature(function)
    said = [p.annotation for p in signature.parameters.values()] + [signature.return_annotation]
    return any(TOUCHES.search(str(annotation)) for annotation in said)


def without_a_case(looked_at: Iterable[ModuleType], cases: Iterable[str]) -> set[str]:
    """Verbs that are neither run nor exempt."""
    return set(verbs(looked_at)) - set(cases) - set(EXEMPT)
