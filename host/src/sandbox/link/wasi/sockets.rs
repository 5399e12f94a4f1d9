//! `wasi:sockets` for plugins: a network that nothing is connected to.
//!
//! Tool chains of Python and C import all of it unasked. A program that wants
//! none of it never notices; one that does is told that its access is denied.

use wasmtime::{
    StoreContextMut,
    component::{LinkerInstance, Resource},
};
use wasmtime_wasi::p2::bindings::sockets::network::ErrorCode;

use crate::sandbox::cell::Cell;

/// Behind every resource of an interface that is not real. A guest gets hold
/// of the network alone, and there is nothing behind that either.
pub(super) struct Nothing;

/// Links a function that gives or takes the network, by its name; every other
/// one is not one of these.
///
/// A function without types would leave the network that it was lent in the
/// hands of the host, and the guest is not trusted to get that back.
pub(super) fn link_network(
    linker: &mut LinkerInstance<'_, Cell>,
    name: &str,
) -> wasmtime::Result<bool> {
    match name {
        "instance-network" => {
            linker.func_wrap(name, |mut cx: StoreContextMut<'_, Cell>, (): ()| {
                cx.data_mut().count_wasi_call();
                Ok((Resource::<Nothing>::new_own(0),))
            })?;
        }
        "resolve-addresses" => {
            linker.func_wrap(name, |mut cx: StoreContextMut<'_, Cell>, call| {
                let _: (Resource<Nothing>, String) = call;
                cx.data_mut().count_wasi_call();
                Ok((Err::<Resource<Nothing>, _>(ErrorCode::AccessDenied),))
            })?;
        }
        _ => return Ok(false),
    }
    Ok(true)
}
