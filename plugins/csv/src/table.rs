//! A CSV file, read record by record.

use std::{io::Read, str};

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};

use hermitage_guest::ToolError;

/// Bytes that one record may have. A quote that is never closed would make
/// the rest of the file one cell.
const LONGEST_RECORD: usize = 1024 * 1024;

/// Cells that one record may have.
const MOST_CELLS: usize = 64 * 1024;

/// Bytes that are read at once: each read is a call of the host.
const BUFFER: usize = 64 * 1024;

/// What separates the cells of a row, where nobody says.
const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];

pub(crate) struct Table<'a> {
    pub(crate) columns: Vec<String>,
    pub(crate) delimiter: char,
    records: Records<'a>,
}

/// A row, and the line on which it starts.
pub(crate) struct Row<'a> {
    pub(crate) line: u64,
    text: &'a str,
    /// Where each cell ends in it.
    ends: &'a [usize],
}

impl<'a> Row<'a> {
    /// Every row has all columns.
    pub(crate) fn cell(&self, column: usize) -> &'a str {
        self.get(column).unwrap_or_default()
    }

    fn get(&self, column: usize) -> Option<&'a str> {
        let start = match column.checked_sub(1) {
            Some(before) => *self.ends.get(before)?,
            None => 0,
        };
        self.text.get(start..*self.ends.get(column)?)
    }

    fn cells(&self) -> impl Iterator<Item = &'a str> {
        (0..self.ends.len()).map(|it| self.cell(it))
    }
}

impl<'a> Table<'a> {
    pub(crate) fn open(file: impl Read + 'a, delimiter: Option<&str>) -> Result<Self, ToolError> {
        let mut input = Input::new(file);
        let start = input.ahead()?;
        if start.starts_with(&[0xff, 0xfe]) || start.starts_with(&[0xfe, 0xff]) {
            return Err(ToolError::Failed("it is UTF-16; only UTF-8 is read".to_owned()));
        }
        let delimiter = match delimiter {
            Some(text) => single(text)?,
            None => likely(start),
        };
        let mut records = Records::new(input, delimiter);
        let names = records.next()?.into_iter().flat_map(|it| it.cells().collect::<Vec<_>>());
        let columns: Vec<String> = names.map(|it| it.trim().to_owned()).collect();
        if columns.iter().all(String::is_empty) {
            return Err(ToolError::Failed("it has no row with the names of columns".to_owned()));
        }
        Ok(Self { columns, delimiter: char::from(delimiter), records })
    }

    /// The place of a column.
    pub(crate) fn column(&self, name: &str) -> Result<usize, ToolError> {
        let is_named = |it: &usize| self.columns.get(*it).is_some_and(|it| it == name.trim());
        let mut places = (0..self.columns.len()).filter(is_named);
        match (places.next(), places.next()) {
            (Some(place), None) => Ok(place),
            (Some(_), Some(_)) => {
                Err(ToolError::InvalidArguments(format!("several columns are named `{name}`")))
            }
            (None, _) => Err(ToolError::InvalidArguments(format!(
                "there is no column `{name}`; there are: {}",
                self.columns.join(", ")
            ))),
        }
    }

    pub(crate) fn next_row(&mut self) -> Result<Option<Row<'_>>, ToolError> {
        let Some(row) = self.records.next()? else {
            return Ok(None);
        };
        let (n_cells, n_columns) = (row.ends.len(), self.columns.len());
        if n_cells != n_columns {
            return Err(ToolError::Failed(format!(
                "line {} has {n_cells} cells, and the first row has {n_columns}",
                row.line
            )));
        }
        Ok(Some(row))
    }

    /// What may be wrong with a file that was read to its end.
    pub(crate) fn doubt(&self) -> Option<String> {
        self.records.input.is_quote_open.then(|| {
            "the file has an odd number of quotes: one may never be closed, and rows be missing"
                .to_owned()
        })
    }
}

fn single(text: &str) -> Result<u8, ToolError> {
    match text.as_bytes() {
        _ if text == "\\t" => Ok(b'\t'),
        [byte] if byte.is_ascii() && !b"\"\r\n".contains(byte) => Ok(*byte),
        _ => Err(ToolError::InvalidArguments(format!(
            "`{text}` can't separate cells: it is one character"
        ))),
    }
}

/// The one that is most often in the first line, outside of quotes.
fn likely(start: &[u8]) -> u8 {
    let (mut line, mut is_quoted) = (Vec::new(), false);
    for byte in start {
        match byte {
            b'"' => is_quoted = !is_quoted,
            _ if is_quoted => {}
            b'\n' => break,
            _ => line.push(*byte),
        }
    }
    let count = |delimiter: &u8| line.iter().filter(|it| *it == delimiter).count();
    // Of those that are equally often there, the first of the list.
    DELIMITERS.into_iter().rev().max_by_key(count).unwrap_or(b',')
}

struct Records<'a> {
    input: Input<'a>,
    parser: Reader,
    /// Of the record that was read last.
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl<'a> Records<'a> {
    fn new(input: Input<'a>, delimiter: u8) -> Self {
        let parser = ReaderBuilder::new().delimiter(delimiter).build();
        Self { input, parser, bytes: vec![0; 1024], ends: vec![0; 16] }
    }

    fn next(&mut self) -> Result<Option<Row<'_>>, ToolError> {
        self.input.skip_line_ends()?;
        let line = self.input.line;
        let (mut n_bytes, mut n_ends) = (0, 0);
        loop {
            let ahead = self.input.ahead()?;
            let bytes = self.bytes.get_mut(n_bytes..).unwrap_or_default();
            let ends = self.ends.get_mut(n_ends..).unwrap_or_default();
            let (result, read, written, ended) = self.parser.read_record(ahead, bytes, ends);
            self.input.consume(read);
            n_bytes += written;
            n_ends += ended;
            match result {
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull => {
                    grow(&mut self.bytes, LONGEST_RECORD, line, "bytes: is a quote not closed?")?;
                }
                ReadRecordResult::OutputEndsFull => {
                    grow(&mut self.ends, MOST_CELLS, line, "cells")?;
                }
                ReadRecordResult::Record => break,
                ReadRecordResult::End => return Ok(None),
            }
        }
        let text = str::from_utf8(self.bytes.get(..n_bytes).unwrap_or_default());
        let row = text.ok().map(|text| Row {
            line,
            text,
            ends: self.ends.get(..n_ends).unwrap_or_default(),
        });
        match row {
            Some(row) if (0..n_ends).all(|it| row.get(it).is_some()) => Ok(Some(row)),
            _ => Err(ToolError::Failed(format!("line {line} is not UTF-8"))),
        }
    }
}

fn grow<T: Clone + Default>(
    buffer: &mut Vec<T>,
    most: usize,
    line: u64,
    what: &str,
) -> Result<(), ToolError> {
    if buffer.len() >= most {
        let text = format!("the row that starts in line {line} has more than {most} {what}");
        return Err(ToolError::Failed(text));
    }
    buffer.resize(buffer.len() * 2, T::default());
    Ok(())
}

/// The bytes of the file, and how many lines of them were taken.
struct Input<'a> {
    file: Box<dyn Read + 'a>,
    buffer: Vec<u8>,
    /// What is in the buffer and not taken.
    start: usize,
    end: usize,
    line: u64,
    is_quote_open: bool,
}

impl<'a> Input<'a> {
    fn new(file: impl Read + 'a) -> Self {
        let (file, buffer) = (Box::new(file), vec![0; BUFFER]);
        Self { file, buffer, start: 0, end: 0, line: 1, is_quote_open: false }
    }

    /// What comes next; nothing at the end of the file.
    fn ahead(&mut self) -> Result<&[u8], ToolError> {
        if self.start == self.end {
            let read = self.file.read(&mut self.buffer);
            let read = read.map_err(|error| ToolError::Failed(error.to_string()))?;
            (self.start, self.end) = (0, read);
        }
        Ok(self.buffer.get(self.start..self.end).unwrap_or_default())
    }

    fn consume(&mut self, count: usize) {
        let taken = self.buffer.get(self.start..self.start + count).unwrap_or_default();
        let count_of = |byte: u8| taken.iter().filter(|it| **it == byte).count();
        let (lines, quotes) = (count_of(b'\n'), count_of(b'"'));
        self.line += lines as u64;
        self.is_quote_open ^= quotes % 2 == 1;
        self.start += count;
    }

    /// Blank lines, and what is left of the end of the record before.
    fn skip_line_ends(&mut self) -> Result<(), ToolError> {
        loop {
            let ahead = self.ahead()?;
            let count = ahead.iter().take_while(|it| b"\r\n".contains(it)).count();
            if count == 0 {
                return Ok(());
            }
            self.consume(count);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(bytes: &[u8], delimiter: Option<&str>) -> Result<Vec<String>, ToolError> {
        let mut table = Table::open(bytes, delimiter)?;
        let mut rows = vec![table.columns.join("|")];
        while let Some(row) = table.next_row()? {
            rows.push(format!("{}: {}", row.line, row.cells().collect::<Vec<_>>().join("|")));
        }
        rows.extend(table.doubt());
        Ok(rows)
    }

    #[track_caller]
    fn check(bytes: &[u8], expect: &[&str]) {
        assert_eq!(rows(bytes, None).unwrap(), expect);
    }

    #[track_caller]
    fn check_error(bytes: &[u8], expect: &str) {
        assert_eq!(rows(bytes, None).unwrap_err(), ToolError::Failed(expect.to_owned()));
    }

    #[test]
    fn rows_have_the_line_on_which_they_start() {
        check(b"a,b\n1,2\n\n\"x\ny\",3\r\n4,5", &["a|b", "2: 1|2", "4: x\ny|3", "6: 4|5"]);
        check(b"a\n", &["a"]);
    }

    #[test]
    fn quotes_delimiters_and_marks_are_read() {
        check(b"\xef\xbb\xbfa,b\n\"say \"\"x\"\"\",\"1,5\"\n", &["a|b", "2: say \"x\"|1,5"]);
        check(b"a;b;\"c,d,e\"\n1,5;2;3\n", &["a|b|c,d,e", "2: 1,5|2|3"]);
        check(b"a\tb\n1\t2\n", &["a|b", "2: 1|2"]);
        check(b"a|b\n1|2\n", &["a|b", "2: 1|2"]);
        check(b" a , b\n1,\n", &["a|b", "2: 1|"]);
        assert_eq!(rows(b"a:b\n1:2\n", Some(":")).unwrap(), ["a|b", "2: 1|2"]);
        assert_eq!(rows(b"a,b\n", Some("\\t")).unwrap(), ["a,b"]);
        let expect = ToolError::InvalidArguments(
            "`ab` can't separate cells: it is one character".to_owned(),
        );
        assert_eq!(rows(b"a,b\n", Some("ab")), Err(expect));
    }

    #[test]
    fn an_error_names_its_line() {
        check_error(b"a,b\n1,2\n3\n", "line 3 has 1 cells, and the first row has 2");
        check_error(b"a,b\n\"1\n2\",3\n4,5,6\n", "line 4 has 3 cells, and the first row has 2");
        check_error(b"a,b\n1,\xff\n", "line 2 is not UTF-8");
        // The halves of a character in two cells are none.
        check_error(b"a,b\n\xc3,\xa9\n", "line 2 is not UTF-8");
        let wide = format!("{}a\n", "a,".repeat(70_000));
        check_error(wide.as_bytes(), "the row that starts in line 1 has more than 65536 cells");
        check_error(b"", "it has no row with the names of columns");
        check_error(b"\xff\xfea\0", "it is UTF-16; only UTF-8 is read");
    }

    #[test]
    fn a_quote_that_is_never_closed_is_told() {
        let open = format!("a,b\n1,2\n3,\"4\n{}", "5,6\n".repeat(1_000_000));
        check_error(
            open.as_bytes(),
            "the row that starts in line 3 has more than 1048576 bytes: is a quote not closed?",
        );
        let doubt =
            "the file has an odd number of quotes: one may never be closed, and rows be missing";
        check(b"a,b\n1,\"2\n3,4\n", &["a|b", "2: 1|2\n3,4\n", doubt]);
    }

    #[test]
    fn a_column_is_found_by_its_name() {
        let table = Table::open(&b"a,b,b\n"[..], None).unwrap();
        let error = |text: &str| Err(ToolError::InvalidArguments(text.to_owned()));
        assert_eq!(table.column(" a"), Ok(0));
        assert_eq!(table.column("b"), error("several columns are named `b`"));
        assert_eq!(table.column("c"), error("there is no column `c`; there are: a, b, b"));
    }
}
