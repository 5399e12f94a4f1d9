//! The host's side of one helper: started, fed, heard, and ended whatever
//! happens.

use std::{
    io::{self, Read as _, Write as _},
    os::unix::{net::UnixStream, process::ExitStatusExt as _},
    process::{Child, ChildStderr, ExitStatus, Stdio},
    sync::{Arc, Mutex, PoisonError},
};

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use tokio::{task::spawn_blocking, time::timeout};

use super::{
    Budget,
    message::{Answer, DocsAnswer, MAX_ANSWER, MAX_DOCS, Order, Want},
};
use crate::{
    completion::sanitize::clean_line,
    helper::{self, Program, Role},
    sandbox::{
        Binary,
        cache::MAX_CODE_BYTES,
        load_error::{Cost, LoadError},
        value::Docs,
    },
};

/// Bytes of the helper's last words that are read: a panic's message.
const MAX_WORDS: u64 = 4 << 10;

/// Characters of them that are told.
const MAX_TOLD_CHARS: usize = 300;

/// Compiles in a helper. Dropping the future ends it.
pub(super) async fn compile(
    program: Program,
    binary: Binary,
    budget: Budget,
) -> Result<Vec<u8>, LoadError> {
    learn(program, binary, budget, (Want::Code, code)).await
}

/// Reads what its functions are for in a helper. Dropping the future ends it.
pub(super) async fn docs(
    program: Program,
    binary: Binary,
    budget: Budget,
) -> Result<Docs, LoadError> {
    learn(program, binary, budget, (Want::Docs, documentation)).await
}

/// What a helper is asked for, and how its answer is heard.
type Question<T> = (Want, fn(&mut UnixStream) -> io::Result<Result<T, LoadError>>);

async fn learn<T: Send + 'static>(
    program: Program,
    binary: Binary,
    budget: Budget,
    question: Question<T>,
) -> Result<T, LoadError> {
    let leash = Leash::default();
    // Ends it when this future is dropped, and when its time is over.
    let _end = EndOnDrop(leash.clone());
    let work = spawn_blocking(move || talk(&program, &binary, budget, question, &leash));
    match timeout(budget.wall(), work).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(_panic)) => Err(LoadError::NoCompiler("its watcher crashed".to_owned())),
        Err(_elapsed) => Err(LoadError::too_costly(Cost::Wall, budget.wall().as_secs())),
    }
}

/// From the start of a helper to its end. Blocks.
fn talk<T>(
    program: &Program,
    binary: &Binary,
    budget: Budget,
    question: Question<T>,
    leash: &Leash,
) -> Result<T, LoadError> {
    let (mut child, mut socket) = start(program, leash).map_err(|it| {
        LoadError::NoCompiler(format!("the helper process `{program}` does not start: {it}"))
    })?;
    let answer = ask(&mut socket, binary, budget, question);
    // Whoever answered has nothing more to do.
    if answer.is_ok() {
        leash.end();
    }
    let words = child.stderr.take().map(last_words).unwrap_or_default();
    let status = child.wait().map_err(|it| LoadError::NoCompiler(it.to_string()))?;
    answer.unwrap_or_else(|_| Err(died(status, &words, budget)))
}

fn start(program: &Program, leash: &Leash) -> io::Result<(Child, UnixStream)> {
    let (mut command, socket) = program.command(Role::Compile)?;
    let mut child = command.stderr(Stdio::piped()).spawn()?;
    if let Err(error) = leash.hold(&child) {
        // Nobody else would end it, or ask what became of it.
        let _ = child.kill().and_then(|()| child.wait());
        return Err(error);
    }
    Ok((child, socket))
}

/// Hands over the component, and hears the answer. An error means that the
/// helper did not get as far as one.
fn ask<T>(
    socket: &mut UnixStream,
    binary: &Binary,
    budget: Budget,
    (want, hear): Question<T>,
) -> io::Result<Result<T, LoadError>> {
    helper::send(socket, &Order { want, bytes: binary.bytes().len() as u64, budget })?;
    // One that died before it read all of it may have said why.
    let sent = socket.write_all(binary.bytes());
    let answer = hear(socket)?.map_err(LoadError::cleaned);
    if answer.is_ok() {
        sent?;
    }
    Ok(answer)
}

fn code(socket: &mut UnixStream) -> io::Result<Result<Vec<u8>, LoadError>> {
    let answer: Answer = helper::receive::<_, MAX_ANSWER>(socket)?;
    match answer {
        Ok(len) if len <= MAX_CODE_BYTES => {
            let mut code = Vec::new();
            socket.take(len).read_to_end(&mut code)?;
            let whole = code.len() as u64 == len;
            if whole { Ok(Ok(code)) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
        }
        Ok(len) => Ok(Err(LoadError::too_costly(Cost::Code, len))),
        Err(why) => Ok(Err(why)),
    }
}

fn documentation(socket: &mut UnixStream) -> io::Result<DocsAnswer> {
    helper::receive::<_, MAX_DOCS>(socket)
}

fn last_words(stderr: ChildStderr) -> String {
    let mut words = Vec::new();
    // What can't be read was not said.
    let _ = stderr.take(MAX_WORDS).read_to_end(&mut words);
    String::from_utf8_lossy(&words).into_owned()
}

/// Why a helper that gave no answer ended.
fn died(status: ExitStatus, words: &str, budget: Budget) -> LoadError {
    let signal = status.signal();
    let is = |it: Signal| signal == Some(it.as_raw());
    if words.contains("memory allocation of") {
        LoadError::too_costly(Cost::Memory, budget.memory_bytes >> 20)
    } else if words.contains("has overflowed its stack") {
        LoadError::Crashed("it nests deeper than the compiler can follow".to_owned())
    } else if is(Signal::XCPU) {
        LoadError::too_costly(Cost::Cpu, u64::from(budget.cpu_seconds))
    } else if is(Signal::KILL) {
        // Its own limit tells it by another signal first.
        let why = "the helper process was killed, as the kernel does when memory is short";
        LoadError::NoCompiler(why.to_owned())
    } else {
        let words = words.lines().find(|it| !it.trim().is_empty()).unwrap_or("without a word");
        LoadError::Crashed(clean_line(&format!("{status}: {words}"), MAX_TOLD_CHARS))
    }
}

/// A hold on one helper. Clones share it.
#[derive(Clone, Debug, Default)]
struct Leash(Arc<Mutex<Hold>>);

#[derive(Debug, Default)]
enum Hold {
    #[default]
    NotStarted,
    Runs(rustix::fd::OwnedFd),
    Ended,
}

impl Leash {
    fn hold(&self, child: &Child) -> io::Result<()> {
        let handle = pidfd_open(Pid::from_child(child), PidfdFlags::empty())?;
        let mut hold = self.lock();
        if matches!(*hold, Hold::Ended) {
            // Given up before it began.
            let _ = pidfd_send_signal(handle, Signal::KILL);
        } else {
            *hold = Hold::Runs(handle);
        }
        Ok(())
    }

    fn end(&self) {
        if let Hold::Runs(handle) = std::mem::replace(&mut *self.lock(), Hold::Ended) {
            // One that ended is a good end, too.
            let _ = pidfd_send_signal(handle, Signal::KILL);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Hold> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct EndOnDrop(Leash);

impl Drop for EndOnDrop {
    fn drop(&mut self) {
        self.0.end();
    }
}
