//! A tool as a typed import: its parameters become the tool's arguments, and
//! its output becomes the record of the contract.
//!
//! Which parameters and which record, the tables say, which are written from
//! `wit/`; the compiler checks them against the tool's own types.

use wasmtime::component::{ComponentNamedList, ComponentType, Lift, Lower};

use super::{
    cell::Cell,
    function::{Answer, Function, Linkable},
};
use crate::toolset::{Tool, ToolError};

/// A tool that an interface of the contract has a function for.
pub(super) trait TypedTool: Tool {
    /// Interface with its version.
    const INTERFACE: &'static str;
    /// Name of the function in it.
    const FUNCTION: &'static str;
    type Params: ComponentNamedList + Lift + Send + Sync + 'static;
    type Answer: ComponentType + Lower + Send + Sync + 'static;

    fn arguments(params: Self::Params) -> Self;

    fn answer(output: Self::Output) -> Self::Answer;
}

impl<T: TypedTool> Function for T {
    const INTERFACE: &'static str = <T as TypedTool>::INTERFACE;
    const NAME: &'static str = {
        assert!(is_named(T::FUNCTION, <T as Tool>::NAME), "a function has the name of its tool");
        T::FUNCTION
    };
    type Params = <T as TypedTool>::Params;
    type Results = Answer<T::Answer>;

    fn refusal(error: ToolError) -> Option<Self::Results> {
        Some((Err(error.into()),))
    }
}

impl<T: TypedTool> Linkable for T {
    async fn call(
        cell: &mut Cell,
        params: <T as Function>::Params,
    ) -> wasmtime::Result<Self::Results> {
        let res = cell.call(T::arguments(params)).await?.map(T::answer);
        Ok((res.map_err(Into::into),))
    }
}

/// Whether a function in kebab case has the name of a tool in snake case.
const fn is_named(function: &str, tool: &str) -> bool {
    let (mut function, mut tool) = (function.as_bytes(), tool.as_bytes());
    loop {
        match (function, tool) {
            ([], []) => return true,
            ([one, rest @ ..], [other, more @ ..])
                if *one == *other || (*one == b'-' && *other == b'_') =>
            {
                (function, tool) = (rest, more);
            }
            _ => return false,
        }
    }
}
