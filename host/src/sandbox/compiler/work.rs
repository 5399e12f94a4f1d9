//! The helper's side: takes the limits upon itself, reads one component, and
//! answers with its machine code.

use std::{
    io::{self, Read as _, Write as _},
    os::unix::net::UnixStream,
    process, thread,
};

use wasmtime::{Engine, component::Component};

use super::{
    jail,
    message::{Answer, DocsAnswer, MAX_ORDER, Order, Want},
};
use crate::{
    helper,
    sandbox::{
        bounds, engine,
        load_error::{LoadError, invalid},
        read, value,
    },
};

/// The `main` of this helper. The host reads what it prints when it ends
/// without an answer.
pub(in crate::sandbox) fn serve() -> i32 {
    match helper::connection().and_then(answer) {
        Ok(()) => 0,
        Err(err) => {
            eprintln!("{err}");
            1
        }
    }
}

/// Stack of the thread that compiles: what nests too deep for it ends the
/// helper.
const COMPILING_STACK: usize = 2 << 20;

/// Stack of the thread that does what the host will do: half of what the
/// host's threads have at least.
const REHEARSING_STACK: usize = 1 << 20;

fn answer(mut socket: UnixStream) -> io::Result<()> {
    let order: Order = helper::receive::<_, MAX_ORDER>(&mut socket)?;
    if let Err(err) = jail::enter(order.budget) {
        let why = format!("the helper process can't be limited: {err}");
        return helper::send(&mut socket, &Answer::Err(LoadError::NoCompiler(why)));
    }
    let mut bytes = Vec::new();
    (&socket).take(order.bytes).read_to_end(&mut bytes)?;
    end_with_the_host(&socket)?;
    match order.want {
        Want::Code => send_code(socket, bytes),
        Want::Docs => send_docs(socket, &bytes),
    }
}

fn send_docs(mut socket: UnixStream, bytes: &[u8]) -> io::Result<()> {
    helper::send(&mut socket, &DocsAnswer::Ok(value::read_docs(bytes)))
}

fn send_code(mut socket: UnixStream, bytes: Vec<u8>) -> io::Result<()> {
    let thread = thread::Builder::new().stack_size(COMPILING_STACK);
    let compiled = joined(thread.spawn(move || compiled(&bytes)).map(|it| it.join()));
    let (answer, code) = match compiled {
        Ok(code) => (Answer::Ok(code.len() as u64), code),
        Err(why) => (Answer::Err(why), Vec::new()),
    };
    helper::send(&mut socket, &answer)?;
    socket.write_all(&code)
}

/// The machine code of a component that the host can load: it was loaded here
/// first, and its types were read.
fn compiled(bytes: &[u8]) -> Result<Vec<u8>, LoadError> {
    bounds::check(bytes)?;
    let engine = engine::compiler().map_err(invalid)?;
    let component = Component::from_binary(&engine, bytes).map_err(invalid)?;
    let code = component.serialize().map_err(invalid)?;
    drop(component);
    thread::scope(|scope| {
        let thread = thread::Builder::new().stack_size(REHEARSING_STACK);
        let rehearsal = thread.spawn_scoped(scope, || rehearse(&engine, &code));
        joined(rehearsal.map(|it| it.join()))
    })?;
    Ok(code)
}

/// Of work on a thread of its own.
fn joined<T>(thread: io::Result<thread::Result<Result<T, LoadError>>>) -> Result<T, LoadError> {
    match thread {
        Ok(Ok(result)) => result,
        Ok(Err(_panic)) => Err(LoadError::Crashed("it panicked".to_owned())),
        Err(err) => Err(LoadError::NoCompiler(err.to_string())),
    }
}

/// What the host does with machine code, under the limits of this process.
fn rehearse(engine: &Engine, code: &[u8]) -> Result<(), LoadError> {
    #[expect(unsafe_code, reason = "wasmtime can't check machine code; it was made here")]
    // SAFETY: `code` is what `Component::serialize` returned.
    let component = unsafe { Component::deserialize(engine, code) };
    read::imports(engine, &component.map_err(invalid)?);
    Ok(())
}

/// The host has nothing more to say: when the socket ends, it is gone.
fn end_with_the_host(socket: &UnixStream) -> io::Result<()> {
    let mut socket = socket.try_clone()?;
    let wait = move || {
        let _ = socket.read(&mut [0]);
        process::exit(1)
    };
    thread::Builder::new().stack_size(64 << 10).spawn(wait).map(drop)
}
