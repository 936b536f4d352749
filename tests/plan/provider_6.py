"""What version 6 of AWS's provider knows of a resource type, and what of it is deprecated.

Terraform runs one version of the provider at a time, and the one at hand may be 5. Two packages are generated from the
schema of 6: CDK Terrain's bindings name everything as Terraform does, Pulumi's repeat what is deprecated. Both are read
and never imported.
"""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import hcl2

from local import bootstrap

PINS = bootstrap.ROOT / "requirements" / "provider.txt"
FOLDER = bootstrap.ROOT / ".local" / "provider-6"

READS = re.compile(r"\b(data\.)?(aws_[a-z0-9_]+)\.[a-z0-9_]+(?:\[[^\]]*\])?\.([a-z0-9_]+)")
"""A resource's attribute, where a file reads it."""

Path_ = tuple[str, ...]


class Unknown(Exception):
    """The provider has no such type."""


@dataclass(frozen=True)
class Use:
    """A type as files use it: its arguments, each after the blocks it is in, and the attributes that are read of it."""

    kind: str
    type: str
    arguments: frozenset[Path_]
    attributes: frozenset[str]

    def __str__(self) -> str:
        return f"{'data.' if self.kind == 'data' else ''}{self.type}"


def uses(texts: list[str]) -> list[Use]:
    """Give every type that files of Terraform's language use."""
    arguments: dict[tuple[str, str], set[Path_]] = {}
    attributes: dict[tuple[str, str], set[str]] = {}
    for text in texts:
        parsed = hcl2.loads(text)
        for kind in ("resource", "data"):
            for block in parsed.get(kind, ()):
                for type_, named in _blocks(block):
                    if type_.startswith("aws_"):
                        for _, body in _blocks(named):
                            arguments.setdefault((kind, type_), set()).update(_paths(body))
        for data, type_, attribute in READS.findall(text):
            attributes.setdefault(("data" if data else "resource", type_), set()).add(attribute)
    return [
        Use(kind, type_, frozenset(arguments.get((kind, type_), ())), frozenset(attributes.get((kind, type_), ())))
        for kind, type_ in sorted(arguments.keys() | attributes.keys())
    ]


def _blocks(block: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for label, value in block.items():
        if not label.startswith("__"):
            yield label.strip('"'), value


def _paths(body: dict[str, Any], within: Path_ = ()) -> Iterator[Path_]:
    for name, value in _blocks(body):
        if name == "dynamic":
            for dynamic in value:
                for label, block in _blocks(dynamic):
                    yield (*within, label)
                    yield from _paths(block["content"][0], (*within, label))
            continue
        yield (*within, name)
        for block in value if isinstance(value, list) else ():
            if isinstance(block, dict) and "__is_block__" in block:
                yield from _paths(block, (*within, name))


class Provider:
    """Version 6 of the provider."""

    def __init__(self, folder: Path) -> None:
        self._bindings, self._others = (ZipFile(next(folder.glob(name))) for name in ("cdktn*.whl", "pulumi*.whl"))

    @cached_property
    def version(self) -> str:
        """Its whole version."""
        found = re.search(r"hashicorp/aws provider version (\S+)", self._bindings.read(self._metadata).decode())
        assert found, "the bindings do not say which provider they are of"
        return found[1]

    @property
    def _metadata(self) -> str:
        return next(name for name in self._bindings.namelist() if name.endswith(".dist-info/METADATA"))

    def unknown(self, use: Use) -> list[str]:
        """Give what the provider does not know of what is written, and of what is read.

        Raises
        ------
        Unknown
            Where it does not even know the type.
        """
        prefix = "data_aws_" if use.kind == "data" else ""
        classes = self._classes(self._bindings, f"cdktn_provider_aws/{prefix}{_bare(use.type)}/__init__.py", str(use))
        [of_type] = [
            name
            for name, found in classes.items()
            if any(ast.unparse(base).endswith((".TerraformResource", ".TerraformDataSource")) for base in found.bases)
        ]
        arguments = [path for path in sorted(use.arguments) if not _takes(classes, f"{of_type}Config", path)]
        attributes = use.attributes - {node.name for node in _functions(classes[of_type])}
        return [f"{use}: {'.'.join(path)}" for path in arguments] + [f"{use}.….{name}" for name in sorted(attributes)]

    def deprecated(self, use: Use) -> list[str]:
        """Give what the provider deprecates of what is written, and of what is read, with its reasons."""
        service, _, rest = _bare(use.type).partition("_")
        places = [f"{service}/", f"{service}_/"]  # lambda is Python's own word
        files = [f"{place}{'get_' if use.kind == 'data' else ''}{rest}.py" for place in places]
        if use.kind == "data":
            files.append(f"get_{_bare(use.type)}.py")
        names = {f"pulumi_aws/{file}" for file in files} & set(self._others.namelist())
        if len(names) != 1:
            raise Unknown(f"{use} is not where it should be: in one of {', '.join(files)}")
        file = names.pop()
        own = self._classes(self._others, file, str(use))
        nested = f"{file.rpartition('/')[0]}/{'outputs' if use.kind == 'data' else '_inputs'}.py"
        classes = own | (self._classes(self._others, nested, nested) if nested in self._others.namelist() else {})
        roots = [name for name in own if name.endswith("Result" if use.kind == "data" else "Args")][:1]
        roots += [name for name in own if f"{name}Args" in roots]  # the resource, for what is only read
        found = {
            f"{use}: {'.'.join(path)}: {why}"
            for path in use.arguments | {(name,) for name in use.attributes}
            for root in roots
            for why in _warnings(classes, root, path)
        }
        return sorted(found)

    @staticmethod
    def _classes(archive: ZipFile, file: str, what: str) -> dict[str, ast.ClassDef]:
        try:
            source = archive.read(file)
        except KeyError:
            raise Unknown(f"{what} is not known") from None
        return {node.name: node for node in ast.parse(source).body if isinstance(node, ast.ClassDef)}


def _bare(type_: str) -> str:
    return type_.removeprefix("aws_")


def _functions(found: ast.ClassDef) -> list[ast.FunctionDef]:
    return [node for node in found.body if isinstance(node, ast.FunctionDef)]


def _takes(classes: dict[str, ast.ClassDef], class_: str | None, path: Path_) -> bool:
    """Whether a block takes an argument; what is in a block that all types have, such as lifecycle, is Terraform's."""
    if not path or class_ is None:
        return True
    [made] = [node for node in _functions(classes[class_]) if node.name == "__init__"]
    argument = next((each for each in made.args.kwonlyargs if each.arg == path[0]), None)
    return argument is not None and _takes(classes, _class_in(argument.annotation, classes), path[1:])


def _warnings(classes: dict[str, ast.ClassDef], class_: str | None, path: Path_) -> Iterator[str]:
    """Why an argument, or a block it is in, is deprecated."""
    if not path or class_ is None:
        return
    name = path[0]
    plurals = {name, f"{name}s", f"{name}es", f"{name[:-1]}ies"}  # blocks of which there may be several
    for getter in _functions(classes[class_]):
        if getter.name in plurals:
            for decorator in getter.decorator_list:
                if isinstance(decorator, ast.Call) and ast.unparse(decorator.func).endswith(".deprecated"):
                    yield ast.literal_eval(decorator.args[0])
            yield from _warnings(classes, _class_in(getter.returns, classes), path[1:])


def _class_in(annotation: ast.expr | None, classes: dict[str, ast.ClassDef]) -> str | None:
    """The class that an annotation names, of these."""
    named = re.findall(r"\w+", ast.unparse(annotation)) if annotation else []
    return next((name for name in named if name in classes), None)


def provider() -> Provider:
    """Give the provider, whose packages are downloaded where they are not there as they are pinned."""
    stamp, wanted = FOLDER / "made-from", bootstrap.fingerprint([PINS])
    if not (stamp.exists() and stamp.read_text() == wanted):
        shutil.rmtree(FOLDER, ignore_errors=True)
        FOLDER.mkdir(parents=True)
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
        wheels = ["--only-binary", ":all:", "--require-hashes", "-r", str(PINS), "-d", str(FOLDER)]
        subprocess.run([*pip, *wheels], check=True)
        stamp.write_text(wanted)
    return Provider(FOLDER)
