// Counts the words and the lines of a text: the interface `tools` of
// `wit/world.wit`. What is thrown is the error of the tool.
export const tools = {
  count(text) {
    if (text === "") {
      throw "the text is empty";
    }
    const lines = text.split("\n");
    if (lines.at(-1) === "") {
      lines.pop();
    }
    const words = text.split(/\s+/).filter((word) => word !== "");
    return { words: words.length, lines: lines.length };
  },
};
