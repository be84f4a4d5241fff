"""Marts become tables of the lake: what was built in the scratch file is held against its contract and committed at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import narwhals as nw
import pyarrow as pa

from lakehouse_platform.contracts.contract import Contract, Metric, OnFailure, Rule
from lakehouse_platform.engines.base import Commit, Engine, TableSpec
from lakehouse_platform.errors import TerminalError, UnknownName
from lakehouse_platform.lake.scratch import Scratch
from lakehouse_platform.naming import Zone
from lakehouse_platform.quality.rules import RuleResult, evaluated, flag, rules_of
from lakehouse_platform.zones.lake import Lake
from lakehouse_platform.zones.rows import declared, prunable

CONTENT = "lakehouse/curated/content"
"""Delta transaction whose version is the fingerprint of what was published: it changes with the rows, in their commit."""


class MartRefused(TerminalError):
    """A mart is not what its contract says; nothing was committed."""


@dataclass(frozen=True, slots=True)
class PublishedMart:
    """What became of one mart."""

    contract: Contract
    rows: int
    committed: bool
    """Whether there was something to commit: not when the rows are those of the newest version."""
    version: int
    """Delta version that holds the rows."""
    results: tuple[RuleResult, ...]
    """How the contract's rules fared; failed ones here only warn."""


def scratch_schema(contract: Contract) -> str:
    """Schema of the scratch file that a domain's models are built in."""
    return f"{Zone.CURATED}_{contract.domain}"


def publish_marts(lake: Lake, file: Path, contracts: Iterable[Contract]) -> tuple[PublishedMart, ...]:
    """Publish marts from a scratch file, one commit each and none where one of them is refused.

    Raises MartRefused, UnknownName for a mart that was not built, CommitConflict.
    """
    marts = list(contracts)
    with Scratch(file) as scratch:
        audits = [audit_mart(lake.engine, scratch, contract) for contract in marts]
        refused = [f"{c.name}: {problem}" for c, results in zip(marts, audits, strict=True) for problem in _halts(c, results)]
        if refused:
            raise MartRefused("; ".join(refused) + ". Nothing was published.")
        return tuple(_publish(lake, scratch, contract, results) for contract, results in zip(marts, audits, strict=True))


def audit_mart(engine: Engine, scratch: Scratch, contract: Contract) -> tuple[RuleResult, ...]:
    """How a built mart fares by its contract's rules; keys are unique and required columns known.

    Raises MartRefused where the columns are others than the contract's.
    """
    schema, table = _place(contract)
    _check_columns(contract, engine.schema(declared(contract)), scratch.schema(schema, table))
    rules = rules_of(contract)
    failed = _broken_rows(engine, contract, scratch.rows(schema, table), [rule for rule in rules if rule.by_row])
    count = scratch.count(schema, table)
    for rule in rules:
        if rule.metric is Metric.ROW_COUNT:
            failed[rule.name] = _out_of_bounds(rule, count)
        elif rule.metric is Metric.DUPLICATE_VALUES:
            failed[rule.name] = scratch.repeated(schema, table, rule.columns)
    results = [RuleResult(rule.name, _severity(rule), failed[rule.name], count) for rule in rules]
    if contract.key:
        results.append(RuleResult("key_unique", OnFailure.HALT, scratch.repeated(schema, table, contract.key), count))
    return tuple(results)


def _severity(rule: Rule) -> OnFailure:
    """A mart has no quarantine: what must not be there holds the whole of it back."""
    return OnFailure.WARN if rule.on_failure is OnFailure.WARN else OnFailure.HALT


def _halts(contract: Contract, results: Iterable[RuleResult]) -> list[str]:
    return [
        f"{r.failed} of {r.evaluated} rows break {r.rule} (key: {', '.join(contract.key)})" if r.rule == "key_unique"
        else f"{r.failed} of {r.evaluated} rows break {r.rule}"
        for r in results if not r.passed and r.on_failure is OnFailure.HALT
    ]


def _check_columns(contract: Contract, wanted: pa.Schema, built: pa.Schema) -> None:
    expected, found = ([f"{field.name} {field.type}" for field in schema] for schema in (wanted, built))
    if expected == found:
        return
    missing, extra = ([f for f in one if f not in other] for one, other in ((expected, found), (found, expected)))
    what = "; ".join(f"{label} {', '.join(fields)}" for label, fields in (("it lacks", missing), ("it has", extra)) if fields)
    raise MartRefused(
        f"{contract.name}: the columns of model {contract.model} are not those of {contract.path.name}: "
        f"{what or 'their order is ' + ', '.join(found)}. Change the model or the contract. Nothing was published."
    )


def _broken_rows(engine: Engine, contract: Contract, rows: pa.RecordBatchReader, rules: list[Rule]) -> Counter[str]:
    """Rows that break each rule, found batch by batch."""
    failed: Counter[str] = Counter()
    for batch in rows:
        frame = evaluated(engine, contract, engine.frame(pa.Table.from_batches([batch])), rules)
        flags = engine.collect(frame.select(*(nw.col(flag(rule.name)).cast(nw.Int64).sum() for rule in rules))) if rules else pa.table({})
        failed.update({rule.name: int(flags.column(flag(rule.name))[0].as_py() or 0) for rule in rules})
    return failed


def _out_of_bounds(rule: Rule, count: int) -> int:
    low, high = int(rule.minimum or 0), rule.maximum
    return int(count < low or (high is not None and count > int(high)))


def _publish(lake: Lake, scratch: Scratch, contract: Contract, results: tuple[RuleResult, ...]) -> PublishedMart:
    schema, table = _place(contract)
    uri, columns = lake.uri(Zone.CURATED, contract), declared(contract)
    try:
        held = lake.engine.open(uri)
    except UnknownName:
        held = lake.engine.create(TableSpec(uri, columns, statistics=prunable(contract), comment=contract.description))
    content = _fingerprint(lake.engine.schema(columns), scratch.content(schema, table))
    rows = scratch.count(schema, table)
    if held.transaction(CONTENT) == content:
        return PublishedMart(contract, rows, committed=False, version=held.version, results=results)
    commit = Commit("curated.replace", transactions={CONTENT: content}, notes={"contract": contract.fingerprint})
    held.replace(scratch.rows(schema, table, order_by=contract.key), commit)
    return PublishedMart(contract, rows, committed=True, version=lake.engine.open(uri).version, results=results)


def _fingerprint(schema: pa.Schema, rows: str) -> int:
    """63 bits, as a transaction's version has."""
    columns = ",".join(f"{field.name} {field.type}" for field in schema)
    return int.from_bytes(sha256(f"{columns}|{rows}".encode()).digest()[:8]) >> 1


def _place(contract: Contract) -> tuple[str, str]:
    return scratch_schema(contract), contract.model or contract.table
