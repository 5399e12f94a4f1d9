//! A function as WIT writes it, but with every type in its place and names as
//! in JSON.

use std::fmt::{self, Display, Formatter};

use super::shape::{Function, Integer, Shape};

impl Display for Function {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("func(")?;
        each(f, &self.params, |f, it| write!(f, "{}: {}", it.name.json, it.shape))?;
        f.write_str(")")?;
        match &self.result {
            Some(result) => write!(f, " -> {result}"),
            None => Ok(()),
        }
    }
}

impl Display for Shape {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool => f.write_str("bool"),
            Self::Integer(it) => write!(f, "{it}"),
            Self::F32 => f.write_str("f32"),
            Self::F64 => f.write_str("f64"),
            Self::Char => f.write_str("char"),
            Self::String => f.write_str("string"),
            Self::List(it) => write!(f, "list<{it}>"),
            Self::Option(it) => write!(f, "option<{it}>"),
            Self::Tuple(parts) => {
                f.write_str("tuple<")?;
                each(f, parts, |f, it| write!(f, "{it}"))?;
                f.write_str(">")
            }
            Self::Record(fields) => {
                braces(f, "record", fields, |f, it| write!(f, "{}: {}", it.name.json, it.shape))
            }
            Self::Variant(cases) => braces(f, "variant", cases, |f, it| match &it.payload {
                Some(payload) => write!(f, "{}({payload})", it.name.json),
                None => f.write_str(&it.name.json),
            }),
            Self::Enum(names) => braces(f, "enum", names, |f, it| f.write_str(&it.json)),
            Self::Flags(names) => braces(f, "flags", names, |f, it| f.write_str(&it.json)),
            Self::Result { ok, error } => match (ok, error) {
                (None, None) => f.write_str("result"),
                (Some(ok), None) => write!(f, "result<{ok}>"),
                (None, Some(error)) => write!(f, "result<_, {error}>"),
                (Some(ok), Some(error)) => write!(f, "result<{ok}, {error}>"),
            },
        }
    }
}

impl Display for Integer {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::S8 => "s8",
            Self::U8 => "u8",
            Self::S16 => "s16",
            Self::U16 => "u16",
            Self::S32 => "s32",
            Self::U32 => "u32",
            Self::S64 => "s64",
            Self::U64 => "u64",
        })
    }
}

fn braces<T>(
    f: &mut Formatter<'_>,
    word: &str,
    parts: &[T],
    write: impl Fn(&mut Formatter<'_>, &T) -> fmt::Result,
) -> fmt::Result {
    write!(f, "{word}{{")?;
    each(f, parts, write)?;
    f.write_str("}")
}

fn each<T>(
    f: &mut Formatter<'_>,
    parts: &[T],
    write: impl Fn(&mut Formatter<'_>, &T) -> fmt::Result,
) -> fmt::Result {
    for (idx, part) in parts.iter().enumerate() {
        f.write_str(if idx == 0 { "" } else { ", " })?;
        write(f, part)?;
    }
    Ok(())
}
