//! What values look like: the types of one function, read once out of the
//! compiled component into a plain tree.
//!
//! Only what can be written as JSON has a shape. Everything that walks one
//! may recurse: it is no deeper than [`MAX_DEPTH`], and bounded in sum,
//! although the types of a component share parts and could be written out to
//! any size.

use wasmtime::component::{
    Val,
    types::{ComponentFunc, Type},
};

use super::name::Name;
use crate::completion::sanitize::clean_line;

/// Deepest nesting of one type: what walks a shape is recursive.
const MAX_DEPTH: usize = 32;

/// Types of all functions of a component, written out.
const MAX_TYPES: usize = 16 << 10;

/// Bytes of the names in them.
const MAX_NAME_BYTES: usize = 256 << 10;

/// Characters of a name, or of a path, that are told in an error.
const MAX_TOLD_CHARS: usize = 200;

/// Why an exported function can't be a tool.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the function `{function}` can't be a tool: {reason}")]
pub(in crate::sandbox) struct Unsupported {
    function: String,
    reason: Reason,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Reason {
    #[error("{place} is {what}, which JSON has no form for")]
    Kind { place: String, what: &'static str },
    #[error("it is of a resource, which ends with the call that made it")]
    OfResource,
    #[error("it is async: export one that waits inside of it")]
    Async,
    #[error("{place} nests deeper than {MAX_DEPTH} types")]
    Depth { place: String },
    #[error(
        "the types of its component are more than {MAX_TYPES}, or their names longer than \
         {MAX_NAME_BYTES} bytes"
    )]
    Size,
    #[error("its component exports more than {max} functions")]
    Count { max: usize },
    #[error("`{other}` would be the tool `{name}`, too")]
    Name { name: String, other: String },
}

impl Unsupported {
    pub(super) fn new(function: &str, reason: Reason) -> Self {
        Self { function: told(function), reason }
    }
}

/// Of a stranger's text.
pub(super) fn told(text: &str) -> String {
    clean_line(text, MAX_TOLD_CHARS)
}

/// A function: what it takes and gives.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Function {
    pub(super) params: Vec<Field>,
    pub(super) result: Option<Shape>,
}

/// A field of a record, or a parameter.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Field {
    pub(super) name: Name,
    pub(super) shape: Shape,
}

/// A case of a variant.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Case {
    pub(super) name: Name,
    pub(super) payload: Option<Shape>,
}

/// A type whose values can be written as JSON.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Shape {
    Bool,
    Integer(Integer),
    F32,
    F64,
    Char,
    String,
    List(Box<Shape>),
    Tuple(Vec<Shape>),
    Record(Vec<Field>),
    Variant(Vec<Case>),
    Enum(Vec<Name>),
    Flags(Vec<Name>),
    Option(Box<Shape>),
    Result { ok: Option<Box<Shape>>, error: Option<Box<Shape>> },
}

/// Types of whole numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Integer {
    S8,
    U8,
    S16,
    U16,
    S32,
    U32,
    S64,
    U64,
}

impl Integer {
    /// The smallest and the largest.
    pub(super) fn range(self) -> (i64, u64) {
        match self {
            Self::S8 => (i8::MIN.into(), i8::MAX.unsigned_abs().into()),
            Self::U8 => (0, u8::MAX.into()),
            Self::S16 => (i16::MIN.into(), i16::MAX.unsigned_abs().into()),
            Self::U16 => (0, u16::MAX.into()),
            Self::S32 => (i32::MIN.into(), i32::MAX.unsigned_abs().into()),
            Self::U32 => (0, u32::MAX.into()),
            Self::S64 => (i64::MIN, i64::MAX.unsigned_abs()),
            Self::U64 => (0, u64::MAX),
        }
    }

    /// A value of it, when it is in range.
    pub(super) fn value(self, number: i128) -> Option<Val> {
        match self {
            Self::S8 => number.try_into().ok().map(Val::S8),
            Self::U8 => number.try_into().ok().map(Val::U8),
            Self::S16 => number.try_into().ok().map(Val::S16),
            Self::U16 => number.try_into().ok().map(Val::U16),
            Self::S32 => number.try_into().ok().map(Val::S32),
            Self::U32 => number.try_into().ok().map(Val::U32),
            Self::S64 => number.try_into().ok().map(Val::S64),
            Self::U64 => number.try_into().ok().map(Val::U64),
        }
    }
}

impl Shape {
    /// Whether `null` is a value of it.
    pub(super) fn has_null(&self) -> bool {
        matches!(self, Self::Option(_))
    }

    /// Whether it is a variant of these cases, each with a text or alone.
    pub(super) fn has_cases(&self, expect: &[(&str, bool)]) -> bool {
        let Self::Variant(cases) = self else {
            return false;
        };
        let same = |(case, (name, text)): (&Case, &(&str, bool))| {
            &*case.name.wit == *name && case.payload == text.then_some(Self::String)
        };
        cases.len() == expect.len() && cases.iter().zip(expect).all(same)
    }
}

/// Reads the types of a component's functions, one after the other.
pub(super) struct Reader {
    types: usize,
    name_bytes: usize,
    /// Where it is in the function.
    path: String,
}

impl Default for Reader {
    fn default() -> Self {
        Self { types: MAX_TYPES, name_bytes: MAX_NAME_BYTES, path: String::new() }
    }
}

impl Reader {
    pub(super) fn function(&mut self, ty: &ComponentFunc) -> Result<Function, Reason> {
        if ty.async_() {
            return Err(Reason::Async);
        }
        self.path.clear();
        let params = ty.params().map(|(name, ty)| self.field(name, &ty, 0));
        let params = params.collect::<Result<_, _>>()?;
        "its result".clone_into(&mut self.path);
        // A function gives one value, or none.
        let result = ty.results().next().map(|ty| self.shape(&ty, 0)).transpose()?;
        Ok(Function { params, result })
    }

    fn shape(&mut self, ty: &Type, depth: usize) -> Result<Shape, Reason> {
        self.types = self.types.checked_sub(1).ok_or(Reason::Size)?;
        if depth > MAX_DEPTH {
            return Err(Reason::Depth { place: self.place() });
        }
        let below = depth.saturating_add(1);
        Ok(match ty {
            Type::Bool => Shape::Bool,
            Type::S8 => Shape::Integer(Integer::S8),
            Type::U8 => Shape::Integer(Integer::U8),
            Type::S16 => Shape::Integer(Integer::S16),
            Type::U16 => Shape::Integer(Integer::U16),
            Type::S32 => Shape::Integer(Integer::S32),
            Type::U32 => Shape::Integer(Integer::U32),
            Type::S64 => Shape::Integer(Integer::S64),
            Type::U64 => Shape::Integer(Integer::U64),
            Type::Float32 => Shape::F32,
            Type::Float64 => Shape::F64,
            Type::Char => Shape::Char,
            Type::String => Shape::String,
            Type::List(it) => Shape::List(self.part("[]", &it.ty(), below)?),
            Type::Option(it) => Shape::Option(self.part("", &it.ty(), below)?),
            Type::Result(it) => Shape::Result {
                ok: it.ok().map(|ty| self.part(".ok", &ty, below)).transpose()?,
                error: it.err().map(|ty| self.part(".error", &ty, below)).transpose()?,
            },
            Type::Tuple(it) => {
                let parts = it.types().enumerate();
                let part =
                    |(idx, ty): (usize, Type)| Ok(*self.part(&format!("[{idx}]"), &ty, below)?);
                Shape::Tuple(parts.map(part).collect::<Result<_, _>>()?)
            }
            Type::Record(it) => {
                let fields = it.fields().map(|it| self.field(it.name, &it.ty, below));
                Shape::Record(fields.collect::<Result<_, _>>()?)
            }
            Type::Variant(it) => {
                let cases = it.cases().map(|it| self.case(it.name, it.ty.as_ref(), below));
                Shape::Variant(cases.collect::<Result<_, _>>()?)
            }
            Type::Enum(it) => Shape::Enum(self.names(it.names())?),
            Type::Flags(it) => Shape::Flags(self.names(it.names())?),
            other => return Err(Reason::Kind { place: self.place(), what: kind(other) }),
        })
    }

    fn part(&mut self, step: &str, ty: &Type, depth: usize) -> Result<Box<Shape>, Reason> {
        let len = self.path.len();
        self.path.push_str(step);
        let shape = self.shape(ty, depth)?;
        self.path.truncate(len);
        Ok(Box::new(shape))
    }

    fn field(&mut self, name: &str, ty: &Type, depth: usize) -> Result<Field, Reason> {
        let name = self.name(name)?;
        let step =
            if self.path.is_empty() { name.json.to_string() } else { format!(".{}", name.json) };
        Ok(Field { shape: *self.part(&step, ty, depth)?, name })
    }

    fn case(&mut self, name: &str, ty: Option<&Type>, depth: usize) -> Result<Case, Reason> {
        let name = self.name(name)?;
        let step = format!(".{}", name.json);
        let payload = ty.map(|ty| self.part(&step, ty, depth)).transpose()?;
        Ok(Case { name, payload: payload.map(|it| *it) })
    }

    fn names<'a>(&mut self, names: impl Iterator<Item = &'a str>) -> Result<Vec<Name>, Reason> {
        names.map(|it| self.name(it)).collect()
    }

    fn name(&mut self, name: &str) -> Result<Name, Reason> {
        self.name_bytes = self.name_bytes.checked_sub(name.len()).ok_or(Reason::Size)?;
        Ok(Name::new(name))
    }

    fn place(&self) -> String {
        format!("`{}`", told(&self.path))
    }
}

/// What has no shape. The last two are proposals that the engine has turned
/// off, so that no component with them gets here.
fn kind(ty: &Type) -> &'static str {
    match ty {
        Type::Own(_) | Type::Borrow(_) => "a resource",
        Type::Future(_) => "a future",
        Type::Stream(_) => "a stream",
        Type::ErrorContext => "an error context",
        Type::Map(_) => "a map",
        Type::FixedLengthList(_) => "a list of fixed length",
        _ => "of an unknown type",
    }
}
