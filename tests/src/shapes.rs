//! Components by the shape of what they are made of, for the search for those
//! that are dear to compile: a shape is a few pieces, each with a number of
//! repetitions and a width, and has a text that names it.

mod component;
mod instructions;

use std::{fmt, fmt::Write as _, str::FromStr};

use crate::Dice;

pub use instructions::names as instruction_names;

/// Characters of a component's text. Bounds the search, not the host.
const MAX_TEXT: usize = 4 << 20;

/// What a piece is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// One instruction by its name, on locals.
    Op(&'static str),
    /// Blocks, loops or conditions with that many parameters, one in the
    /// other.
    Nest(&'static str),
    /// The same, one after the other.
    Row(&'static str),
    /// A jump to any of the blocks around it.
    BrIf,
    /// A table of jumps.
    BrTable,
    /// Every local is set to another number.
    Count,
    /// Calls of a function with that many parameters and results.
    Call(&'static str),
    /// Whole functions, each with all that came before in its body.
    Functions,
    /// Locals of each function.
    Locals,
    /// A section of a module that is no code.
    Section(&'static str),
    /// A part of the component around the module.
    Part(&'static str),
}

/// Names of the kinds that are no instruction.
const STRUCTURE: &[&str] = &[
    "nest-block",
    "nest-loop",
    "nest-if",
    "row-block",
    "row-loop",
    "row-if",
    "br_if",
    "br_table",
    "count",
    "call",
    "call_indirect",
    "return_call",
    "functions",
    "locals",
    "types",
    "globals",
    "exports",
    "data",
    "elements",
    "tables",
    "func-refs",
];

/// Those that are sections.
const SECTIONS: &[&str] =
    &["types", "globals", "exports", "data", "elements", "tables", "func-refs"];

/// One piece.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    pub kind: Kind,
    pub times: usize,
    pub width: usize,
}

/// A whole component.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape(pub Vec<Piece>);

impl Kind {
    fn of_name(name: &str) -> Option<Self> {
        let known = |all: &'static [&'static str]| all.iter().copied().find(|it| *it == name);
        let inside = |prefix: &str| {
            let rest = name.strip_prefix(prefix)?;
            ["block", "loop", "if"].into_iter().find(|it| *it == rest)
        };
        Some(match name {
            "br_if" => Self::BrIf,
            "br_table" => Self::BrTable,
            "count" => Self::Count,
            "call" => Self::Call("call"),
            "call_indirect" => Self::Call("call_indirect"),
            "return_call" => Self::Call("return_call"),
            "functions" => Self::Functions,
            "locals" => Self::Locals,
            _ => {
                let found =
                    inside("nest-").map(Self::Nest).or_else(|| inside("row-").map(Self::Row));
                let found = found.or_else(|| known(SECTIONS).map(Self::Section));
                let found = found.or_else(|| known(component::PARTS).map(Self::Part));
                found.or_else(|| instructions::find(name).map(Self::Op))?
            }
        })
    }

    fn name(&self) -> String {
        match self {
            Self::Op(it) | Self::Call(it) | Self::Section(it) | Self::Part(it) => (*it).to_owned(),
            Self::Nest(it) => format!("nest-{it}"),
            Self::Row(it) => format!("row-{it}"),
            Self::BrIf => "br_if".to_owned(),
            Self::BrTable => "br_table".to_owned(),
            Self::Count => "count".to_owned(),
            Self::Functions => "functions".to_owned(),
            Self::Locals => "locals".to_owned(),
        }
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (idx, Piece { kind, times, width }) in self.0.iter().enumerate() {
            let blank = if idx == 0 { "" } else { " " };
            write!(f, "{blank}{}:{times}:{width}", kind.name())?;
        }
        Ok(())
    }
}

impl FromStr for Shape {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let piece = |text: &str| {
            let mut parts = text.split(':');
            let kind = Kind::of_name(parts.next()?)?;
            let (times, width) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
            Some(Piece { kind, times, width })
        };
        let pieces = text.split(' ').map(|it| piece(it).ok_or_else(|| format!("no piece: `{it}`")));
        pieces.collect::<Result<_, _>>().map(Self)
    }
}

impl Shape {
    /// Any.
    pub fn random(dice: &mut Dice) -> Self {
        let n = 1 + dice.roll(5);
        Self((0..n).map(|_| Piece::random(dice)).collect())
    }

    /// One that differs in a piece or a number.
    pub fn changed(&self, dice: &mut Dice) -> Self {
        let mut res = self.clone();
        let at = dice.place(res.0.len());
        match dice.roll(7) {
            0 => res.0.insert(at, Piece::random(dice)),
            1 if res.0.len() > 1 => drop(res.0.remove(at)),
            2 => res.0[at] = Piece::random(dice),
            3 => res.0[at].times = (res.0[at].times * 2).min(200_000),
            4 => res.0[at].times = (res.0[at].times / 2).max(1),
            5 => res.0[at].width = (res.0[at].width * 2).min(1_000),
            _ => res.0[at].width = (res.0[at].width / 2).max(1),
        }
        res
    }

    /// Its bytes; `None` when it makes no component.
    pub fn render(&self) -> Option<Vec<u8>> {
        wat::parse_str(self.text()?).ok()
    }

    /// `None` when it is longer than the search goes.
    pub fn text(&self) -> Option<String> {
        let calls = self.0.iter().filter(|it| matches!(it.kind, Kind::Call(_)));
        let widest = calls.map(|it| it.width.min(1_000)).max().unwrap_or(0);
        let mut module = Module { widest, ..Module::default() };
        let mut parts = String::new();
        for piece in &self.0 {
            match piece.kind {
                Kind::Part(part) => parts += &component::part(part, piece.times, piece.width),
                _ => module.add(piece),
            }
            if module.body.len() + module.functions.len() + parts.len() > MAX_TEXT {
                return None;
            }
        }
        Some(format!("(component {} {parts})", module.text()))
    }
}

impl Piece {
    fn random(dice: &mut Dice) -> Self {
        let ops = instructions::names();
        let name = match dice.roll(4) {
            0 => ops[dice.place(ops.len())],
            1 => component::PARTS[dice.place(component::PARTS.len())],
            _ => STRUCTURE[dice.place(STRUCTURE.len())],
        };
        let (times, width) = (1 << dice.roll(14), 1 << dice.roll(11));
        Self { kind: Kind::of_name(name).unwrap(), times, width }
    }
}

/// A core module on its way.
#[derive(Default)]
struct Module {
    locals: usize,
    widest: usize,
    body: String,
    functions: String,
    sections: String,
}

impl Module {
    fn add(&mut self, piece: &Piece) {
        let Piece { kind, times, width } = piece;
        let (times, width) = (*times, (*width).min(1_000));
        match kind {
            Kind::Op(name) => self.body += &instructions::use_of(name).repeat(times),
            Kind::Nest(word) => self.nest(word, times.min(2_000), width),
            Kind::Row(word) => {
                let (enter, leave) = self.block(word, width);
                let body = std::mem::take(&mut self.body);
                self.body = format!("{enter} {body} {leave} ").repeat(times);
            }
            Kind::BrIf => self.body += &"local.get 0 br_if 0 ".repeat(times),
            Kind::BrTable => {
                let targets = "0 ".repeat(times);
                self.body += &format!("block local.get 0 br_table {targets} end ");
            }
            Kind::Count => {
                let one = |it| format!("local.get {it} i32.const 1 i32.add local.set {it} ");
                self.locals = self.locals.max(width);
                self.body += &(0..width).map(one).collect::<String>().repeat(times);
            }
            Kind::Call(word) => self.call(word, times),
            Kind::Functions => {
                let text = self.function().repeat(times);
                self.functions += &text;
            }
            Kind::Locals => self.locals = self.locals.max(times.min(20_000)),
            Kind::Section(name) => self.section(name, times),
            Kind::Part(_) => unreachable!("no part of a module"),
        }
    }

    /// What opens and closes a block with that many parameters, which stay on
    /// the stack; and what puts them there and takes them away.
    fn block(&self, word: &str, width: usize) -> (String, String) {
        let numbers = "i32 ".repeat(width);
        let condition = if word == "if" { "local.get 0" } else { "" };
        let other = if word == "if" { "else" } else { "" };
        let push = "local.get 0 ".repeat(width);
        (
            format!("{push} {condition} {word} (param {numbers}) (result {numbers})"),
            format!("{other} end {}", "drop ".repeat(width)),
        )
    }

    fn nest(&mut self, word: &str, times: usize, width: usize) {
        let (enter, leave) = self.block(word, width);
        let body = std::mem::take(&mut self.body);
        self.body = format!("{} {body} {}", enter.repeat(times), leave.repeat(times));
    }

    fn call(&mut self, word: &str, times: usize) {
        let (push, drop) = ("local.get 0 ".repeat(self.widest), "drop ".repeat(self.widest));
        let call = match word {
            "call" => "call $wide ".repeat(times),
            "call_indirect" => "local.get 0 call_indirect (type $wide) ".repeat(times),
            _ => "block return_call $nothing end ".repeat(times),
        };
        self.body += &format!("{push}{call}{drop}");
    }

    fn function(&self) -> String {
        let locals = "i32 ".repeat(self.locals.max(1));
        format!("(func (local {locals}) {} {})\n", instructions::LOCALS, self.body)
    }

    fn section(&mut self, name: &str, times: usize) {
        let text = &mut self.sections;
        for idx in 0..times.min(50_000) {
            let _ = match name {
                "types" => write!(text, "(type (func (param {})))", "i32 ".repeat(idx % 100)),
                "globals" => write!(text, "(global (mut i64) (i64.const {idx}))"),
                "exports" => write!(text, "(export \"e{idx}\" (func $nothing))"),
                "data" => write!(text, "(data \"{}\")", "a".repeat(idx % 16)),
                "elements" => write!(text, "(elem func {})", "$nothing ".repeat(16)),
                "tables" if idx < 4 => write!(text, "(table 1 funcref)"),
                "func-refs" => write!(text, "(global funcref (ref.func $nothing))"),
                _ => Ok(()),
            };
        }
    }

    fn text(&self) -> String {
        let wide = "i32 ".repeat(self.widest);
        format!(
            "(core module $m (type $wide (func (param {wide}) (result {wide})))
             (table $t 8 funcref) (memory 1) (data $d \"data\") (elem $e func $nothing)
             (func $wide (type $wide) unreachable) (func $nothing (export \"f\"))
             {} {} {})",
            self.functions,
            self.function(),
            self.sections
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_instruction_and_every_part_makes_a_component() {
        let structure = STRUCTURE.iter().chain(component::PARTS).copied();
        for name in instructions::names().into_iter().chain(structure) {
            for (times, width) in [(1, 1), (3, 5)] {
                let text = format!("{name}:{times}:{width}");
                let shape: Shape = text.parse().unwrap();
                assert_eq!(shape.to_string(), text);
                let text = shape.text().unwrap();
                wat::parse_str(&text).unwrap_or_else(|err| panic!("{shape}: {err}\n{text}"));
            }
        }
    }
}
