//! One function of the contract: its place, its types, and the two ways in
//! which it gets into a linker.
//!
//! Each [`Function`] can be stubbed, and each that is [`Linkable`] can be
//! linked. Whatever a guest calls begins in [`link`] or in [`stub`], and so
//! in [`Cell::admit`].

use std::{panic::AssertUnwindSafe, sync::Arc};

use futures_util::FutureExt as _;
use wasmtime::{
    StoreContextMut,
    component::{ComponentNamedList, Lift, LinkerInstance, Lower},
};

use super::{cell::Cell, wit::contract};
use crate::toolset::ToolError;

/// A function of the contract.
pub(super) trait Function: 'static {
    /// Interface with its version.
    const INTERFACE: &'static str;
    /// Name of the function in it.
    const NAME: &'static str;
    type Params: ComponentNamedList + Lift + Send + Sync + 'static;
    type Results: ComponentNamedList + Lower + Send + Sync + 'static;

    /// The results that say why it was not done. `None` for the few functions
    /// that have no way to say so; these are done all the same.
    fn refusal(error: ToolError) -> Option<Self::Results>;
}

/// A function that this host implements.
pub(super) trait Linkable: Function {
    fn call(
        cell: &mut Cell,
        params: Self::Params,
    ) -> impl Future<Output = wasmtime::Result<Self::Results>> + Send;
}

/// The result of every tool.
pub(super) type Answer<T> = (Result<T, contract::types::ToolError>,);

/// How one function gets into a linker.
pub(super) struct Entry {
    pub(super) interface: &'static str,
    pub(super) name: &'static str,
    pub(super) link: LinkFunction,
    pub(super) stub: StubFunction,
}

type LinkFunction = fn(&mut LinkerInstance<'_, Cell>) -> wasmtime::Result<()>;
type StubFunction = fn(&mut LinkerInstance<'_, Cell>, Arc<str>) -> wasmtime::Result<()>;

impl Entry {
    pub(super) const fn of<T: Linkable>() -> Self {
        Self { interface: T::INTERFACE, name: T::NAME, link: link::<T>, stub: stub::<T> }
    }
}

/// A host function panicked: a fault of the host that ends this child only.
#[derive(Debug, thiserror::Error)]
#[error("the host function `{0}` panicked")]
pub(super) struct HostPanic(&'static str);

/// Links one function to the real thing. Everything a guest's call does on
/// the host begins here.
fn link<T: Linkable>(instance: &mut LinkerInstance<'_, Cell>) -> wasmtime::Result<()> {
    instance.func_wrap_async(T::NAME, |mut cx: StoreContextMut<'_, Cell>, params: T::Params| {
        Box::new(async move {
            let cell = cx.data_mut();
            if let Some(error) = cell.admit()? {
                cell.refused().await;
                if let Some(refusal) = T::refusal(error) {
                    return Ok(refusal);
                }
            }
            let call = AssertUnwindSafe(T::call(cell, params)).catch_unwind();
            call.await.unwrap_or_else(|_| Err(HostPanic(T::NAME).into()))
        })
    })
}

/// Links one function to an answer that says `denied`. Holds no reference to
/// the real thing.
fn stub<T: Function>(
    instance: &mut LinkerInstance<'_, Cell>,
    why: Arc<str>,
) -> wasmtime::Result<()> {
    instance.func_wrap(T::NAME, move |mut cx: StoreContextMut<'_, Cell>, _: T::Params| {
        let denied = ToolError::Denied(why.to_string());
        let answer = cx.data_mut().admit()?.unwrap_or(denied);
        T::refusal(answer).ok_or_else(|| wasmtime::format_err!("`{}` can't be denied", T::NAME))
    })
}
