"""Counts the words and the lines of a text: the interface `tools` of
`wit/world.wit`. An `Err` is the error of the tool."""

from componentize_py_types import Err
from wit_world import exports
from wit_world.exports.tools import Counts


class Tools(exports.Tools):
    def count(self, text: str) -> Counts:
        if not text:
            raise Err("the text is empty")
        return Counts(words=len(text.split()), lines=len(text.splitlines()))
