"""Frozen data classes that cost an import nothing.

`dataclasses` brings `inspect` and with it most of the time that `import headroom` may take. These records behave as
`@dataclass(frozen=True)` (and are that for a type checker); `dataclasses.replace`, `asdict` and `fields` take them:
the standard library is asked only then.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass
    from dataclasses import field as field
    from dataclasses import replace as replace

    cached = property
else:
    _MISSING = object()

    class _Field:
        def __init__(self, default=_MISSING, default_factory=_MISSING, repr=True, compare=True):
            self.default, self.factory = default, default_factory
            self.repr, self.compare = repr, compare

    def field(**options):
        """A default that is more than a value: see `dataclasses.field`."""
        return _Field(**options)

    class cached:
        """An attribute that is computed when it is first asked for."""

        def __init__(self, compute):
            self.compute, self.__doc__ = compute, compute.__doc__

        def __get__(self, record, _=None):
            if record is None:
                return self
            value = record.__dict__[self.compute.__name__] = self.compute(record)
            return value

    def dataclass(*, frozen):
        """Decorates a class: see `dataclasses.dataclass`. Records are always frozen."""
        assert frozen
        return _record

    def _record(cls):
        made = {name: _field(vars(cls).get(name, _MISSING)) for name in cls.__annotations__}
        for name, its in made.items():
            if its.default is not _MISSING:
                setattr(cls, name, its.default)
            elif name in vars(cls):
                delattr(cls, name)
        shown = [name for name, its in made.items() if its.repr]
        compared = [name for name, its in made.items() if its.compare]

        def __eq__(self, other):
            return _values(self, compared) == _values(other, compared) if type(other) is cls else NotImplemented

        def __repr__(self):
            return f"{cls.__qualname__}({', '.join(f'{name}={getattr(self, name)!r}' for name in shown)})"

        cls.__init__ = _init(cls, made)
        cls.__eq__, cls.__repr__ = __eq__, __repr__
        cls.__hash__ = lambda self: hash(_values(self, compared))
        cls.__setattr__ = cls.__delattr__ = _refuse
        cls.__replace__ = replace
        cls.__match_args__ = tuple(made)
        cls.__dataclass_fields__ = _Fields(made)
        return cls

    def replace(record, /, **changes):
        """A copy with other values for some fields."""
        return type(record)(**{name: getattr(record, name) for name in record.__match_args__} | changes)

    def _field(value):
        return value if isinstance(value, _Field) else _Field(value)

    def _init(cls, made):
        """`__init__` with the fields as its parameters, so that Python itself checks the arguments."""
        parameters, given = [], {"_MISSING": _MISSING}
        for name, its in made.items():
            if its.default is not _MISSING:
                given[f"_{name}"] = its.default
                parameters.append(f"{name}=_{name}")
            else:
                parameters.append(name if its.factory is _MISSING else f"{name}=_MISSING")
        values = ", ".join(
            f"{name}={name}" if its.factory is _MISSING else f"{name}=_{name}() if {name} is _MISSING else {name}"
            for name, its in made.items()
        )
        given |= {f"_{name}": its.factory for name, its in made.items() if its.factory is not _MISSING}
        exec(f"def __init__(self, {', '.join(parameters)}):\n    self.__dict__.update({values})", given)
        given["__init__"].__qualname__ = f"{cls.__qualname__}.__init__"
        return given["__init__"]

    def _values(record, names):
        return tuple(getattr(record, name) for name in names)

    def _refuse(self, name, *_):
        from dataclasses import FrozenInstanceError

        raise FrozenInstanceError(f"cannot assign to field {name!r}")

    class _Fields:
        """What the functions of `dataclasses` look for; made when they do."""

        def __init__(self, made):
            self.made = made

        def __get__(self, _, cls):
            import dataclasses

            defaults = {
                name: dataclasses.field(
                    repr=its.repr,
                    compare=its.compare,
                    **({"default": its.default} if its.default is not _MISSING else {}),
                    **({"default_factory": its.factory} if its.factory is not _MISSING else {}),
                )
                for name, its in self.made.items()
            }
            types = [(name, kind, defaults[name]) for name, kind in cls.__annotations__.items()]
            return dataclasses.make_dataclass(cls.__name__, types, frozen=True).__dataclass_fields__
