# What jq has and the library leaves to its own command line.

def toarray: if isarray then . else [.] end;
def trimstr($text): ltrimstr($text) | rtrimstr($text);
def ascii: [.] | implode;
def leaf_paths: paths(scalars);
def date: todate;

def INDEX(rows; key): reduce rows as $row ({}; .[$row | key | tostring] = $row);
def INDEX(key): INDEX(.[]; key);
def IN(values): any(values == .; .);
def IN(source; values): any(source == values; .);

def @csv:
  map(
    if isstring then "\"" + (split("\"") | join("\"\"")) + "\""
    elif isarray or isobject then error("a row of CSV holds no arrays and no objects")
    elif . == null then ""
    else tostring end
  ) | join(",");

def @tsv:
  def replaced($old; $new): split($old) | join($new);
  map(
    if isstring then replaced("\\"; "\\\\") | replaced("\t"; "\\t") | replaced("\n"; "\\n") | replaced("\r"; "\\r")
    elif isarray or isobject then error("a row of TSV holds no arrays and no objects")
    elif . == null then ""
    else tostring end
  ) | join("\t");
