//! The way from one child to the host that was asked for it.

use std::{
    mem,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use async_nats::jetstream::{AckKind, Message};
use futures_util::future::BoxFuture;
use tokio::time::sleep;

use super::{Hand, Inner};
use crate::{
    cluster::{
        message::{Answer, Ask, ChildKey, What},
        seal::Session,
    },
    journal::Journal,
    sandbox::{Ended, Far, FarAnswer, FarCall, LogLine, News, Observer},
    toolset::ToolError,
};

/// Lines of a log that wait to be told; the host bounds the log itself.
const MOST_LINES: usize = 10_000;

/// How long a result is offered to a host that does not answer, in leases.
const OFFERED: u32 = 10;

/// What a child says, until it is told with the next message.
#[derive(Default)]
pub(super) struct Relay(Mutex<News>);

impl Relay {
    fn news(&self) -> MutexGuard<'_, News> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self) -> News {
        mem::take(&mut self.news())
    }
}

impl Observer for Relay {
    fn started(&self) {}
    fn activity(&self, text: &str) {
        self.news().activity = Some(text.to_owned());
    }
    fn tool_started(&self, _: &'static str, _: &str) {}
    fn tool_ended(&self) {}
    fn model_started(&self) {}
    fn model_ended(&self) {}
    fn logged(&self, line: &LogLine) {
        let mut news = self.news();
        if news.lines.len() < MOST_LINES {
            news.lines.push(line.clone());
        }
    }
    fn checkpoint(&self, summary: &str) {
        self.news().checkpoint = Some(summary.to_owned());
    }
}

/// One run of one child, and its host.
pub(super) struct Link {
    pub(super) inner: Arc<Inner>,
    pub(super) session: Session,
    pub(super) key: ChildKey,
    pub(super) attempt: u64,
    pub(super) lease: Duration,
    pub(super) hand: Hand,
    pub(super) relay: Arc<Relay>,
    pub(super) journal: Arc<Journal>,
    pub(super) calls: AtomicU64,
    /// When the host answered last.
    pub(super) heard: Mutex<Instant>,
}

impl Link {
    fn ask_of(&self, what: What) -> Ask {
        let (news, readings) = (self.relay.take(), self.journal.take_readings());
        let (serial, attempt) = (self.inner.serial(), self.attempt);
        Ask { serial, attempt, what, news, readings }
    }

    async fn ask(&self, ask: &Ask) -> Option<Answer> {
        let answer = self.inner.ask(&self.session, &self.key, ask, self.lease / 2).await;
        if answer.is_some() {
            *self.heard() = Instant::now();
        }
        match &answer {
            Some(Answer::Fenced | Answer::Gone) => self.hand.lose(),
            Some(Answer::Stop(stop)) => self.hand.stop(stop),
            _ => (),
        }
        answer
    }

    /// Says that the child runs, for as long as it does. A host that does not
    /// answer for a lease has given it up.
    pub(super) async fn beat(self: Arc<Self>, message: Message) {
        loop {
            sleep(self.lease / 3).await;
            let _ = message.ack_with(AckKind::Progress).await;
            let ask = self.ask_of(What::Beat);
            if matches!(self.ask(&ask).await, Some(Answer::Fenced | Answer::Gone)) {
                return;
            }
            // To the host it is another worker's by now, or there is no host.
            if self.heard().elapsed() > self.lease {
                return self.hand.lose();
            }
        }
    }

    fn heard(&self) -> MutexGuard<'_, Instant> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands over how it ended. `Some(false)`: nobody wants that of this worker;
    /// `None`: the host did not answer for long.
    pub(super) async fn ended(&self, ended: Ended) -> Option<bool> {
        if self.hand.is_lost.load(Ordering::Acquire) {
            return Some(false);
        }
        let Ended { outcome, stopped, cpu, traces, .. } = ended;
        let (outcome, log_dropped) = (Box::new(outcome), traces.log_dropped);
        let ask = self.ask_of(What::Ended { outcome, stopped, cpu, log_dropped });
        let until = Instant::now() + self.lease * OFFERED;
        while Instant::now() < until {
            match self.ask(&ask).await {
                Some(Answer::Taken | Answer::Gone) => return Some(true),
                Some(Answer::Fenced) => return Some(false),
                _ => sleep(self.lease / 10).await,
            }
        }
        None
    }

    /// The answer of a call, however often it has to be asked for.
    async fn answer(&self, number: u64, call: FarCall) -> FarAnswer {
        let ask = self.ask_of(What::Call { number, call });
        loop {
            match self.ask(&ask).await {
                Some(Answer::Answered(answer)) => return answer,
                Some(Answer::Fenced | Answer::Gone) => return Err(ToolError::Interrupted.into()),
                // It was perhaps lost on the way; asked again, nothing is done
                // twice.
                _ => sleep(self.lease / 10).await,
            }
        }
    }
}

impl Far for Arc<Link> {
    fn call(&self, call: FarCall) -> BoxFuture<'static, FarAnswer> {
        let (link, number) = (Arc::clone(self), self.calls.fetch_add(1, Ordering::AcqRel) + 1);
        Box::pin(async move { link.answer(number, call).await })
    }
}
