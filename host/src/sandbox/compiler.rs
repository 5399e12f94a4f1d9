//! The compiler of components, in a helper process of its own.
//!
//! A component is a stranger's file, and what reads, checks and compiles it
//! was not written to be attacked: bytes by the hundred cost minutes and
//! gigabytes, or overflow the stack (measured). So all of that happens in a
//! process that lives for one component, holds nothing of the host, and has
//! limits of the kernel on time and memory. Whatever becomes of it, the host
//! has an answer: machine code, or why there is none. What a component says of
//! its functions is read in the same way.
//!
//! Two lanes keep what is dear from holding up what is not: a small component
//! is tried in the first, with a second of processor time, and what needs
//! more begins again in the other one.

mod budget;
mod jail;
mod message;
mod process;
mod work;

use std::path::Path;

use tokio::sync::Semaphore;

use super::{
    Binary,
    load_error::{Cost, LoadError},
    value::Docs,
};
use crate::helper::{HelperError, Program};

pub(super) use self::{budget::Budget, work::serve};

/// Helpers at a time in each lane: compiling takes memory that no cell's limit
/// counts, and every processor that it gets.
const HELPERS: usize = 2;

/// Makes machine code of components.
#[derive(Debug)]
pub(super) struct Compiler {
    program: Program,
    budget: Budget,
    quick: Semaphore,
    slow: Semaphore,
}

impl Compiler {
    /// With the helper that was named, or the one that is found.
    pub(super) fn new(named: Option<&Path>, budget: Budget) -> Result<Self, HelperError> {
        let (quick, slow) = (Semaphore::new(HELPERS), Semaphore::new(HELPERS));
        Ok(Self { program: Program::find(named)?, budget, quick, slow })
    }

    /// The machine code of a component. Dropping the future ends the helper.
    pub(super) async fn compile(&self, binary: &Binary) -> Result<Vec<u8>, LoadError> {
        let bytes = binary.bytes().len();
        let whole = self.budget.of(bytes);
        if let Some(quick) = whole.quick(bytes) {
            match self.attempt(&self.quick, binary, quick).await {
                Err(LoadError::TooCostly { cost: Cost::Cpu, .. }) => (),
                answer => return answer,
            }
        }
        self.attempt(&self.slow, binary, whole).await
    }

    /// What the functions of a component are for. Dropping the future ends the
    /// helper.
    pub(super) async fn docs(&self, binary: &Binary) -> Result<Docs, LoadError> {
        // The semaphore is never closed.
        let _permit = self.quick.acquire().await;
        let budget = self.budget.of(binary.bytes().len());
        process::docs(self.program.clone(), binary.clone(), budget).await
    }

    async fn attempt(
        &self,
        lane: &Semaphore,
        binary: &Binary,
        budget: Budget,
    ) -> Result<Vec<u8>, LoadError> {
        // The semaphore is never closed.
        let _permit = lane.acquire().await;
        process::compile(self.program.clone(), binary.clone(), budget).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compiler(cpu_seconds: u32, memory_mib: u64) -> Compiler {
        Compiler::new(None, Budget { cpu_seconds, memory_bytes: memory_mib << 20 }).unwrap()
    }

    async fn compile(text: &str) -> Result<Vec<u8>, LoadError> {
        let binary = Binary::new(wat::parse_str(text).unwrap());
        compiler(4, 384).compile(&binary).await
    }

    #[tokio::test]
    async fn a_helper_gives_machine_code_or_the_reason() {
        let code = compile("(component (core module (func)))").await.unwrap();
        assert!(code.starts_with(b"\x7fELF"), "{} bytes", code.len());
        let err = compile("(component (core module (func i32.add)))").await.unwrap_err();
        assert!(matches!(&err, LoadError::Invalid(_)), "{err}");
    }

    #[tokio::test]
    async fn a_helper_reads_what_functions_are_for_also_where_they_do_not_compile() {
        let text = r#"(component (core module (func i32.add))
            (@custom "package-docs" "\01{\"worlds\":{\"w\":{\"funcs\":{\"add\":\"Adds.\"}}}}"))"#;
        let binary = Binary::new(wat::parse_str(text).unwrap());
        let docs = compiler(4, 384).docs(&binary).await.unwrap();
        assert_ne!(docs, Docs::default());
    }
}
