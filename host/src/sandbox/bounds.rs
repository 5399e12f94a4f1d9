//! Bounds a component before it is compiled.
//!
//! Compiling is not sandboxed, and its cost is not linear in the size of the
//! file: 598 bytes of nested instantiation took 9.8 CPU seconds and 2.2 GB,
//! 6.9 KB of loops over many locals took 19.5 CPU seconds (measured). What is
//! walked here is only counted, never believed.

use wasmparser::{
    ComponentAlias, ComponentExternalKind, ComponentInstance, ComponentOuterAliasKind,
    ComponentTypeRef, Encoding, FunctionBody, Instance, Operator, Parser, Payload,
};

use super::engine::MAX_CORE_INSTANCES;

/// Components inside components. Real compositions have two or three levels.
const MAX_NESTING: usize = 8;

/// Functions of all modules. A Python interpreter has some 15,000; a hundred
/// thousand empty ones took 555 MB to compile.
const MAX_FUNCTIONS: u64 = 60_000;

/// Size of one function's body.
const MAX_BODY_BYTES: usize = 1 << 20;

/// Local variables of one function.
const MAX_LOCALS: u64 = 20_000;

/// Local variables × depth of loops: what the register allocator's time grows
/// with (32,768 took about one CPU second).
const MAX_LOCALS_BY_LOOPS: u64 = 65_536;

/// Types of all modules and components.
const MAX_TYPES: u64 = 50_000;

/// Why a file is not compiled.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BoundsError {
    /// No WebAssembly at all.
    #[error("not a WebAssembly component: the file does not begin with `\\0asm`")]
    NotWasm,
    /// A core module.
    #[error("a core module, not a component")]
    CoreModule,
    /// Cut off or garbled.
    #[error("damaged at byte {offset}: {message}")]
    Damaged {
        /// Where in the file.
        offset: u64,
        /// What the parser expected.
        message: String,
    },
    /// Takes a component as an argument, whose cost can't be counted.
    #[error("imports a component, which no tool chain for agents makes")]
    ComponentImport,
    /// Larger than what is compiled.
    #[error("{what}: {found} is over the limit of {limit}")]
    TooMuch {
        /// What was counted.
        what: &'static str,
        /// How much there is.
        found: u64,
        /// How much is taken.
        limit: u64,
    },
}

impl From<wasmparser::BinaryReaderError> for BoundsError {
    fn from(err: wasmparser::BinaryReaderError) -> Self {
        BoundsError::Damaged { offset: err.offset() as u64, message: err.message().to_owned() }
    }
}

/// Checks the whole file.
pub(super) fn check(bytes: &[u8]) -> Result<(), BoundsError> {
    if !bytes.starts_with(b"\0asm") {
        return Err(BoundsError::NotWasm);
    }
    let mut walk = Walk::default();
    for payload in Parser::new(0).parse_all(bytes) {
        walk.payload(payload?)?;
    }
    Ok(())
}

fn at_most(what: &'static str, found: u64, limit: u64) -> Result<(), BoundsError> {
    if found > limit { Err(BoundsError::TooMuch { what, found, limit }) } else { Ok(()) }
}

/// One component or module that is being walked.
#[derive(Default)]
struct Level {
    is_component: bool,
    /// For each component of the index space, the core instances that one
    /// instance of it makes.
    components: Vec<u64>,
    /// Core instances that one instance of this level makes.
    instances: u64,
}

#[derive(Default)]
struct Walk {
    levels: Vec<Level>,
    /// The most that any component so far makes.
    dearest: u64,
    functions: u64,
    types: u64,
}

impl Walk {
    fn payload(&mut self, payload: Payload<'_>) -> Result<(), BoundsError> {
        match payload {
            Payload::Version { encoding, .. } => self.enter(encoding),
            Payload::End(_) => self.leave(),
            Payload::CoreTypeSection(it) => self.count_types(it.count()),
            Payload::ComponentTypeSection(it) => self.count_types(it.count()),
            Payload::TypeSection(it) => self.count_types(it.count()),
            Payload::FunctionSection(it) => self.count_functions(it.count()),
            Payload::CodeSectionEntry(body) => check_body(&body),
            Payload::InstanceSection(it) => it.into_iter().try_for_each(|it| {
                let real = matches!(it?, Instance::Instantiate { .. });
                self.add_instances(u64::from(real));
                Ok(())
            }),
            Payload::ComponentInstanceSection(it) => it.into_iter().try_for_each(|it| {
                self.instantiate(&it?);
                Ok(())
            }),
            Payload::ComponentImportSection(it) => it.into_iter().try_for_each(|it| {
                let is_component = matches!(it?.ty, ComponentTypeRef::Component(_));
                if is_component { Err(BoundsError::ComponentImport) } else { Ok(()) }
            }),
            Payload::ComponentExportSection(it) => it.into_iter().try_for_each(|it| {
                let it = it?;
                if it.kind == ComponentExternalKind::Component {
                    self.name_component(self.cost_of(0, it.index));
                }
                Ok(())
            }),
            Payload::ComponentAliasSection(it) => it.into_iter().try_for_each(|it| {
                self.alias(&it?);
                Ok(())
            }),
            _ => Ok(()),
        }
    }

    fn enter(&mut self, encoding: Encoding) -> Result<(), BoundsError> {
        let is_component = encoding == Encoding::Component;
        if self.levels.is_empty() && !is_component {
            return Err(BoundsError::CoreModule);
        }
        self.levels.push(Level { is_component, ..Level::default() });
        at_most("nested components", self.levels.len() as u64, MAX_NESTING as u64)
    }

    fn leave(&mut self) -> Result<(), BoundsError> {
        let Some(level) = self.levels.pop() else {
            return Ok(());
        };
        let Some(outer) = self.levels.last_mut() else {
            return at_most("core instances", level.instances, u64::from(MAX_CORE_INSTANCES));
        };
        if level.is_component {
            outer.components.push(level.instances);
            self.dearest = self.dearest.max(level.instances);
        }
        Ok(())
    }

    fn count_types(&mut self, count: u32) -> Result<(), BoundsError> {
        self.types = self.types.saturating_add(u64::from(count));
        at_most("types", self.types, MAX_TYPES)
    }

    fn count_functions(&mut self, count: u32) -> Result<(), BoundsError> {
        self.functions = self.functions.saturating_add(u64::from(count));
        at_most("functions", self.functions, MAX_FUNCTIONS)
    }

    fn add_instances(&mut self, count: u64) {
        if let Some(level) = self.levels.last_mut() {
            level.instances = level.instances.saturating_add(count);
        }
    }

    fn instantiate(&mut self, instance: &ComponentInstance<'_>) {
        if let ComponentInstance::Instantiate { component_index, .. } = instance {
            self.add_instances(self.cost_of(0, *component_index));
        }
    }

    /// Core instances of a component in the index space that many levels out.
    /// What can't be found counts as the dearest component so far.
    fn cost_of(&self, outwards: u32, index: u32) -> u64 {
        let find = || {
            let level = self.levels.iter().rev().nth(usize::try_from(outwards).ok()?)?;
            level.components.get(usize::try_from(index).ok()?).copied()
        };
        find().unwrap_or(self.dearest)
    }

    fn name_component(&mut self, cost: u64) {
        if let Some(level) = self.levels.last_mut() {
            level.components.push(cost);
        }
    }

    fn alias(&mut self, alias: &ComponentAlias<'_>) {
        match alias {
            ComponentAlias::Outer { kind: ComponentOuterAliasKind::Component, count, index } => {
                self.name_component(self.cost_of(*count, *index));
            }
            // Exported by an instance of a component that was walked before.
            ComponentAlias::InstanceExport { kind: ComponentExternalKind::Component, .. } => {
                self.name_component(self.dearest);
            }
            _ => (),
        }
    }
}

/// Bounds one function.
fn check_body(body: &FunctionBody<'_>) -> Result<(), BoundsError> {
    at_most("bytes of one function", body.range().len() as u64, MAX_BODY_BYTES as u64)?;
    let mut locals: u64 = 0;
    for group in body.get_locals_reader()? {
        locals = locals.saturating_add(u64::from(group?.0));
    }
    at_most("local variables of one function", locals, MAX_LOCALS)?;
    let loops = loop_depth(body)?;
    at_most("local variables × loop depth", locals.saturating_mul(loops), MAX_LOCALS_BY_LOOPS)
}

/// The deepest nesting of loops, at least 1.
fn loop_depth(body: &FunctionBody<'_>) -> Result<u64, BoundsError> {
    let mut open = Vec::new();
    let (mut depth, mut deepest): (u64, u64) = (0, 1);
    for operator in body.get_operators_reader()? {
        match operator? {
            Operator::Loop { .. } => {
                open.push(true);
                depth = depth.saturating_add(1);
                deepest = deepest.max(depth);
            }
            Operator::Block { .. } | Operator::If { .. } | Operator::TryTable { .. } => {
                open.push(false);
            }
            Operator::End if open.pop() == Some(true) => depth = depth.saturating_sub(1),
            _ => (),
        }
    }
    Ok(deepest)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The smallest core module.
    const MODULE: &str = "(core module $m)";

    fn check_text(text: &str, expect: Result<(), &str>) {
        let bytes = wat::parse_str(text).unwrap();
        let res = check(&bytes).map_err(|it| it.to_string());
        assert_eq!(res, expect.map_err(str::to_owned), "{text}");
    }

    #[test]
    fn what_is_no_component_is_told_apart() {
        let check_bytes = |bytes: &[u8], expect| assert_eq!(check(bytes), Err(expect));
        check_bytes(b"", BoundsError::NotWasm);
        check_bytes(b"fn main() {}", BoundsError::NotWasm);
        check_bytes(b"\0asm\x01\0\0\0", BoundsError::CoreModule);
        check_text("(component)", Ok(()));
    }

    #[test]
    fn a_component_that_was_cut_off_is_damaged_at_every_length() {
        let text = format!("(component {MODULE} (core instance (instantiate $m)))");
        let bytes = wat::parse_str(text).unwrap();
        check(&bytes).unwrap();
        for len in 4..bytes.len() {
            // A cut between two sections leaves a smaller component.
            match check(&bytes[..len]) {
                Err(BoundsError::Damaged { .. }) | Ok(()) => (),
                Err(other) => panic!("{len}: {other}"),
            }
        }
    }

    /// A component whose instances multiply by `width` at each of `depth`
    /// levels.
    fn nested(depth: usize, width: usize) -> String {
        let instances = "(core instance (instantiate $m))".repeat(width);
        let mut inner = format!("(component $c0 {MODULE} {instances})");
        for level in 1..depth {
            let below = level - 1;
            let instances = format!("(instance (instantiate $c{below}))").repeat(width);
            inner = format!("(component $c{level} {inner} {instances})");
        }
        inner
    }

    #[test]
    fn nested_instantiation_is_counted_as_often_as_it_happens() {
        check_text(&nested(1, 48), Ok(()));
        check_text(&nested(1, 49), Err("core instances: 49 is over the limit of 48"));
        check_text(&nested(2, 6), Ok(()));
        check_text(&nested(2, 7), Err("core instances: 49 is over the limit of 48"));
        check_text(&nested(7, 10), Err("core instances: 10000000 is over the limit of 48"));
        check_text(&nested(9, 1), Err("nested components: 9 is over the limit of 8"));
    }

    #[test]
    fn an_alias_and_an_export_cost_what_they_name() {
        let instances = "(core instance (instantiate $m))".repeat(10);
        let inner = format!("(component $c {MODULE} {instances})");
        let uses = "(instance (instantiate $d))".repeat(5);
        check_text(
            &format!("(component {inner} (export $d \"d\" (component $c)) {uses})"),
            Err("core instances: 50 is over the limit of 48"),
        );
        check_text(
            &format!(
                "(component $root {inner} (component $e (alias outer $root $c (component $d)) {uses}) \
                 (instance (instantiate $e)))"
            ),
            Err("core instances: 50 is over the limit of 48"),
        );
        check_text(
            "(component (import \"c\" (component)))",
            Err("imports a component, which no tool chain for agents makes"),
        );
    }

    #[test]
    fn loops_over_many_locals_are_refused_before_they_are_compiled() {
        let function = |locals: usize, loops: usize| {
            let locals = format!("(local {})", "i32 ".repeat(locals));
            let (open, close) = ("(loop ".repeat(loops), ")".repeat(loops));
            format!("(component (core module (func {locals} {open} {close})))")
        };
        check_text(&function(64, 1_000), Ok(()));
        check_text(
            &function(1_000, 66),
            Err("local variables × loop depth: 66000 is over the limit of 65536"),
        );
        check_text(
            &function(20_001, 0),
            Err("local variables of one function: 20001 is over the limit of 20000"),
        );
    }
}
