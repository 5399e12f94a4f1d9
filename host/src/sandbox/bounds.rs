//! Bounds a component before it is compiled: the first filter, and a cheap
//! one.
//!
//! The cost of compiling is not linear in the size of the file: 598 bytes of
//! nested instantiation took 9.8 CPU seconds and 2.2 GB, 6.9 KB of loops over
//! many locals took 19.5 CPU seconds (measured). What is walked here is only
//! counted, never believed. Shapes that nobody foresaw get past it, and meet
//! the limits of the process that compiles.
//!
//! What an instance is made of is counted here alone: the compiler writes a
//! list of it that grows tenfold with each level of nesting, and the host
//! reads that list.

use std::{borrow::Cow, collections::VecDeque};

use serde::{Deserialize, Serialize};
use wasmparser::{
    ComponentAlias, ComponentExternalKind, ComponentImportSectionReader, ComponentInstance,
    ComponentOuterAliasKind, ComponentTypeRef, CompositeInnerType, Encoding, FunctionBody,
    FunctionSectionReader, Instance, Operator, Parser, Payload, TypeSectionReader,
};

use super::engine::MAX_CORE_INSTANCES;
use crate::completion::sanitize::clean_line;

/// Changes with every bound here, so that machine code which was compiled
/// under wider ones is not taken from the cache.
pub(super) const VERSION: u32 = 2;

/// Components inside components. Real compositions have two or three levels.
const MAX_NESTING: usize = 8;

/// Instances, aliases, and functions that are lifted or lowered, each as often
/// as it is made: what an instance costs besides its modules.
const MAX_PARTS: u64 = 20_000;

/// Functions of all modules. A Python interpreter has some 15,000; a hundred
/// thousand empty ones took 555 MB to compile.
const MAX_FUNCTIONS: u64 = 60_000;

/// Size of one function's body.
const MAX_BODY_BYTES: usize = 1 << 20;

/// Local variables of one function, its parameters included.
const MAX_LOCALS: u64 = 20_000;

/// Local variables × (depth of loops)²: what the register allocator's time
/// grows with. 300 locals in 218 loops took 23.5 s; the most in an
/// interpreter of Python is 2,457 (measured).
const MAX_LOOP_COST: u64 = 65_536;

/// The same over all functions. That interpreter has 158,256.
const MAX_TOTAL_LOOP_COST: u64 = 4_000_000;

/// Local variables × branch targets: what the compiler's memory grows with.
/// 2,000 × 8,000 took 524 MB; the most in that interpreter is 67,977.
const MAX_BRANCH_COST: u64 = 2_000_000;

/// Imports of the whole component. Our contract has 12 interfaces, and WASI
/// has some 40.
const MAX_IMPORTS: u64 = 256;

/// Types of all modules and components.
const MAX_TYPES: u64 = 50_000;

/// Characters of a parser's message, which may quote names of the file.
const MAX_MESSAGE_CHARS: usize = 300;

/// Why a file is not compiled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
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
    /// Instantiates a component that comes from outside or out of an
    /// instance, whose cost can't be counted.
    #[error("takes a component as a value, which no tool chain for agents does")]
    ComponentValue,
    /// Larger than what is compiled.
    #[error("{what}: {found} is over the limit of {limit}")]
    TooMuch {
        /// What was counted.
        what: Cow<'static, str>,
        /// How much there is.
        found: u64,
        /// How much is taken.
        limit: u64,
    },
}

impl From<wasmparser::BinaryReaderError> for BoundsError {
    fn from(err: wasmparser::BinaryReaderError) -> Self {
        let message = clean_line(err.message(), MAX_MESSAGE_CHARS);
        BoundsError::Damaged { offset: err.offset() as u64, message }
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
    let what = Cow::Borrowed(what);
    if found > limit { Err(BoundsError::TooMuch { what, found, limit }) } else { Ok(()) }
}

/// One component or module that is being walked.
#[derive(Default)]
struct Level {
    is_component: bool,
    /// For each component of the index space, what one instance of it makes.
    components: Vec<Made>,
    /// What one instance of this level makes.
    made: Made,
    /// Of a module: how many parameters a function of each type has.
    params: Vec<u64>,
    /// Of a module: the type of each function that has a body.
    bodies: VecDeque<u32>,
}

/// What one instance of a component makes, at every level of it.
#[derive(Clone, Copy, Default)]
struct Made {
    core_instances: u64,
    /// See [`MAX_PARTS`].
    parts: u64,
}

impl Made {
    fn add(&mut self, other: Self) {
        self.core_instances = self.core_instances.saturating_add(other.core_instances);
        self.parts = self.parts.saturating_add(other.parts);
    }

    fn check(self) -> Result<(), BoundsError> {
        at_most("core instances", self.core_instances, u64::from(MAX_CORE_INSTANCES))?;
        at_most("instances, aliases and functions of a component", self.parts, MAX_PARTS)
    }
}

#[derive(Default)]
struct Walk {
    levels: Vec<Level>,
    functions: u64,
    types: u64,
    imports: u64,
    loop_cost: u64,
}

impl Walk {
    fn payload(&mut self, payload: Payload<'_>) -> Result<(), BoundsError> {
        match payload {
            Payload::Version { encoding, .. } => self.enter(encoding),
            Payload::End(_) => self.leave(),
            Payload::CoreTypeSection(it) => self.count_types(it.count()),
            Payload::ComponentTypeSection(it) => self.count_types(it.count()),
            Payload::TypeSection(it) => self.module_types(it),
            Payload::FunctionSection(it) => self.module_functions(it),
            Payload::CodeSectionEntry(body) => self.body(&body),
            Payload::InstanceSection(it) => it.into_iter().try_for_each(|it| {
                let real = matches!(it?, Instance::Instantiate { .. });
                self.makes(Made { core_instances: u64::from(real), parts: 1 })
            }),
            Payload::ComponentCanonicalSection(it) => self.makes_parts(it.count()),
            Payload::ComponentInstanceSection(it) => {
                it.into_iter().try_for_each(|it| self.instantiate(&it?))
            }
            Payload::ComponentImportSection(it) => self.component_imports(it),
            Payload::ComponentExportSection(it) => {
                self.makes_parts(it.count())?;
                it.into_iter().try_for_each(|it| {
                    let it = it?;
                    match it.kind {
                        ComponentExternalKind::Component => self.name_component(0, it.index),
                        _ => Ok(()),
                    }
                })
            }
            Payload::ComponentAliasSection(it) => {
                self.makes_parts(it.count())?;
                it.into_iter().try_for_each(|it| self.alias(&it?))
            }
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
            return level.made.check();
        };
        if level.is_component {
            outer.components.push(level.made);
        }
        Ok(())
    }

    fn count_types(&mut self, count: u32) -> Result<(), BoundsError> {
        self.types = self.types.saturating_add(u64::from(count));
        at_most("types", self.types, MAX_TYPES)
    }

    fn module_types(&mut self, section: TypeSectionReader<'_>) -> Result<(), BoundsError> {
        self.count_types(section.count())?;
        for group in section {
            for ty in group?.types() {
                let params = match &ty.composite_type.inner {
                    CompositeInnerType::Func(it) => it.params().len() as u64,
                    _ => 0,
                };
                self.level()?.params.push(params);
            }
        }
        Ok(())
    }

    fn module_functions(&mut self, section: FunctionSectionReader<'_>) -> Result<(), BoundsError> {
        self.functions = self.functions.saturating_add(u64::from(section.count()));
        at_most("functions", self.functions, MAX_FUNCTIONS)?;
        for ty in section {
            let ty = ty?;
            self.level()?.bodies.push_back(ty);
        }
        Ok(())
    }

    /// Bounds one function.
    fn body(&mut self, body: &FunctionBody<'_>) -> Result<(), BoundsError> {
        at_most("bytes of one function", body.range().len() as u64, MAX_BODY_BYTES as u64)?;
        let mut locals = self.next_params()?;
        for group in body.get_locals_reader()? {
            locals = locals.saturating_add(u64::from(group?.0));
        }
        at_most("local variables of one function", locals, MAX_LOCALS)?;
        let shape = Shape::of(body)?;
        let branch_cost = locals.saturating_mul(shape.branches);
        at_most("local variables × branches", branch_cost, MAX_BRANCH_COST)?;
        let loop_cost = locals.saturating_mul(shape.loops.saturating_mul(shape.loops));
        at_most("local variables × (loop depth)²", loop_cost, MAX_LOOP_COST)?;
        self.loop_cost = self.loop_cost.saturating_add(loop_cost);
        at_most("the sum of these", self.loop_cost, MAX_TOTAL_LOOP_COST)
    }

    /// Parameters of the function whose body comes next.
    fn next_params(&mut self) -> Result<u64, BoundsError> {
        let level = self.level()?;
        let ty = level.bodies.pop_front().and_then(|it| usize::try_from(it).ok());
        Ok(ty.and_then(|it| level.params.get(it)).copied().unwrap_or(0))
    }

    fn component_imports(
        &mut self,
        section: ComponentImportSectionReader<'_>,
    ) -> Result<(), BoundsError> {
        if self.levels.len() == 1 {
            self.imports = self.imports.saturating_add(u64::from(section.count()));
            at_most("imports", self.imports, MAX_IMPORTS)?;
        }
        section.into_iter().try_for_each(|it| match it?.ty {
            ComponentTypeRef::Component(_) => Err(BoundsError::ComponentValue),
            _ => Ok(()),
        })
    }

    fn makes(&mut self, made: Made) -> Result<(), BoundsError> {
        self.level()?.made.add(made);
        Ok(())
    }

    fn makes_parts(&mut self, count: u32) -> Result<(), BoundsError> {
        self.makes(Made { core_instances: 0, parts: u64::from(count) })
    }

    fn instantiate(&mut self, instance: &ComponentInstance<'_>) -> Result<(), BoundsError> {
        self.makes_parts(1)?;
        match instance {
            ComponentInstance::Instantiate { component_index, .. } => {
                self.makes(self.made_by(0, *component_index)?)
            }
            ComponentInstance::FromExports(_) => Ok(()),
        }
    }

    /// Of a component in the index space that many levels out.
    fn made_by(&self, outwards: u32, index: u32) -> Result<Made, BoundsError> {
        let find = || {
            let level = self.levels.iter().rev().nth(usize::try_from(outwards).ok()?)?;
            level.components.get(usize::try_from(index).ok()?).copied()
        };
        find().ok_or(BoundsError::ComponentValue)
    }

    /// Gives a component of the index space that many levels out a further
    /// index in this one.
    fn name_component(&mut self, outwards: u32, index: u32) -> Result<(), BoundsError> {
        let made = self.made_by(outwards, index)?;
        self.level()?.components.push(made);
        Ok(())
    }

    fn alias(&mut self, alias: &ComponentAlias<'_>) -> Result<(), BoundsError> {
        match alias {
            ComponentAlias::Outer { kind: ComponentOuterAliasKind::Component, count, index } => {
                self.name_component(*count, *index)
            }
            ComponentAlias::InstanceExport { kind: ComponentExternalKind::Component, .. } => {
                Err(BoundsError::ComponentValue)
            }
            _ => Ok(()),
        }
    }

    /// The level that is being walked. The parser gives a header before
    /// anything else.
    fn level(&mut self) -> Result<&mut Level, BoundsError> {
        self.levels.last_mut().ok_or(BoundsError::NotWasm)
    }
}

/// What the cost of compiling a function depends on.
struct Shape {
    /// The deepest nesting of loops, at least 1.
    loops: u64,
    /// Blocks, loops and branches that join.
    branches: u64,
}

impl Shape {
    fn of(body: &FunctionBody<'_>) -> Result<Self, BoundsError> {
        let mut res = Self { loops: 1, branches: 0 };
        let (mut open, mut depth) = (Vec::new(), 0_u64);
        for operator in body.get_operators_reader()? {
            let is_loop = match operator? {
                Operator::Loop { .. } => true,
                Operator::Block { .. } | Operator::If { .. } | Operator::TryTable { .. } => false,
                Operator::End => {
                    depth = depth.saturating_sub(u64::from(open.pop() == Some(true)));
                    continue;
                }
                _ => continue,
            };
            open.push(is_loop);
            depth = depth.saturating_add(u64::from(is_loop));
            res.loops = res.loops.max(depth);
            res.branches = res.branches.saturating_add(1);
        }
        Ok(res)
    }
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

    /// The same, with no core instance in it.
    fn hollow(depth: usize, width: usize) -> String {
        let mut inner = "(component $c0)".to_owned();
        for level in 1..depth {
            let instances = format!("(instance (instantiate $c{}))", level - 1).repeat(width);
            inner = format!("(component $c{level} {inner} {instances})");
        }
        inner
    }

    #[test]
    fn instances_of_nothing_are_counted_as_often_as_they_are_made() {
        check_text(&hollow(5, 10), Ok(()));
        let parts = "instances, aliases and functions of a component";
        let over = |found: u64| format!("{parts}: {found} is over the limit of 20000");
        check_text(&hollow(8, 10), Err(&over(11_111_110)));
        // Siblings instead of levels, each an alias of the one before.
        let mut text = "(component $c0)".to_owned();
        for level in 1..8 {
            let alias = format!("(alias outer $root $c{} (component $d))", level - 1);
            let instances = "(instance (instantiate $d))".repeat(10);
            text += &format!("(component $c{level} {alias} {instances})");
        }
        text += "(instance (instantiate $c7))";
        check_text(&format!("(component $root {text})"), Err(&over(12_222_222)));
        let exports: String = (0..200).map(|it| format!("(export \"e{it}\" (func $f))")).collect();
        let lifts = "(func (canon lift (core func $i \"f\")))".repeat(20_000);
        let core = "(core module $m (func (export \"f\"))) (core instance $i (instantiate $m))";
        check_text(
            &format!(
                "(component {core} (func $f (canon lift (core func $i \"f\"))) {exports} {lifts})"
            ),
            Err(&over(40_203)),
        );
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
            Err("takes a component as a value, which no tool chain for agents does"),
        );
    }

    /// Such a component could be instantiated before what it makes is known.
    #[test]
    fn a_component_out_of_an_instance_is_refused() {
        check_text(
            r#"(component (component
                (import "i" (instance $i (export "c" (component))))
                (alias export $i "c" (component $c))
                (instance (instantiate $c)) (instance (instantiate $c))))"#,
            Err("takes a component as a value, which no tool chain for agents does"),
        );
    }

    #[test]
    fn imports_are_counted() {
        let imports = |n: usize| {
            let imports: String = (0..n).map(|it| format!("(import \"i{it}\" (func))")).collect();
            format!("(component {imports})")
        };
        check_text(&imports(256), Ok(()));
        check_text(&imports(257), Err("imports: 257 is over the limit of 256"));
    }

    /// A function with that many parameters, locals, nested loops and
    /// branches one after the other, that many times.
    fn functions(params: usize, locals: usize, loops: usize, branches: usize, n: usize) -> String {
        let params = format!("(param {})", "i32 ".repeat(params));
        let locals = format!("(local {})", "i32 ".repeat(locals));
        let (open, close) = ("(loop ".repeat(loops), ")".repeat(loops));
        let branches = "(if (i32.const 0) (then))".repeat(branches);
        let function = format!("(func {params} {locals} {open} {branches} {close})");
        format!("(component (core module {}))", function.repeat(n))
    }

    #[test]
    fn loops_over_many_locals_are_refused_before_they_are_compiled() {
        let over = "local variables × (loop depth)²: 14257200 is over the limit of 65536";
        check_text(&functions(0, 300, 218, 0, 1), Err(over));
        check_text(&functions(300, 0, 218, 0, 1), Err(over));
        check_text(&functions(100, 200, 6, 20, 1), Ok(()));
        check_text(
            &functions(0, 1_000, 8, 0, 63),
            Err("the sum of these: 4032000 is over the limit of 4000000"),
        );
    }

    #[test]
    fn branches_over_many_locals_are_refused_before_they_are_compiled() {
        check_text(
            &functions(0, 2_000, 0, 8_000, 1),
            Err("local variables × branches: 16000000 is over the limit of 2000000"),
        );
        check_text(
            &functions(0, 20_001, 0, 0, 1),
            Err("local variables of one function: 20001 is over the limit of 20000"),
        );
    }
}
