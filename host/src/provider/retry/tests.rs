//! Tries and pauses on a clock that tests move, with a provider that answers
//! from a list.

use std::{
    collections::VecDeque,
    future::pending,
    sync::{Mutex, PoisonError},
};

use tokio::time::Instant;

use super::*;
use crate::provider::{
    ChatFuture, Provider,
    testing::{asking, model},
};

type Outcome = Result<ChatResponse, ProviderError>;

/// Gives one outcome after the other; never ends when there is none left.
#[derive(Default)]
struct Listed {
    outcomes: Mutex<VecDeque<Outcome>>,
    calls: Mutex<Vec<(Instant, Call)>>,
}

impl Provider for Listed {
    fn chat(&self, call: Call) -> ChatFuture {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).push((Instant::now(), call));
        let outcome = self.outcomes.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        Box::pin(async move {
            match outcome {
                Some(outcome) => outcome,
                None => pending().await,
            }
        })
    }
}

fn good() -> Outcome {
    Ok(ChatResponse {
        text: "hi".to_owned(),
        tool_calls: Vec::new(),
        finish: crate::provider::Finish::Stop,
        usage: Default::default(),
        cost: None,
        model: "m-1".to_owned(),
        original: None,
        extra: Default::default(),
    })
}

fn busy(seconds: Option<u64>) -> Outcome {
    let retry_after = seconds.map(Duration::from_secs);
    Err(ProviderError::Busy { message: "full".to_owned(), retry_after })
}

fn broken() -> Outcome {
    Err(ProviderError::Broken("boom".to_owned()))
}

fn patient(outcomes: &[Outcome]) -> (Model, Arc<Listed>) {
    let listed =
        Arc::new(Listed { outcomes: Mutex::new(outcomes.to_vec().into()), ..Listed::default() });
    let mut model = model(listed.clone());
    model.patience = Patience {
        max_attempts: 4,
        first_pause: Duration::from_secs(2),
        max_pause: Duration::from_secs(30),
        timeout: Duration::from_secs(100),
    };
    (model, listed)
}

/// The outcome, and the pauses before the second, third, … try in seconds.
async fn tried(outcomes: &[Outcome]) -> (Outcome, Vec<f64>) {
    let (model, listed) = patient(outcomes);
    let res = model.chat(asking("hello"), CancellationToken::new(), None).await;
    let calls = listed.calls.lock().unwrap();
    let pauses = calls.windows(2).map(|it| (it[1].0 - it[0].0).as_secs_f64()).collect();
    (res, pauses)
}

fn check_pauses(pauses: &[f64], expect: &[(f64, f64)]) {
    assert_eq!(pauses.len(), expect.len(), "{pauses:?}");
    // A clock of tests has milliseconds.
    let fits = |(it, (low, high)): (&f64, &(f64, f64))| *low <= *it && *it <= *high + 0.002;
    assert!(pauses.iter().zip(expect).all(fits), "{pauses:?} is not {expect:?}");
}

#[tokio::test(start_paused = true)]
async fn what_may_pass_is_tried_again_with_growing_pauses() {
    let (res, pauses) = tried(&[broken(), busy(None), broken(), good()]).await;
    assert_eq!(res, good());
    check_pauses(&pauses, &[(1.0, 2.0), (2.0, 4.0), (4.0, 8.0)]);
}

#[tokio::test(start_paused = true)]
async fn what_a_provider_asks_for_is_waited() {
    let (res, pauses) = tried(&[busy(Some(20)), busy(Some(30)), good()]).await;
    assert_eq!(res, good());
    check_pauses(&pauses, &[(20.0, 22.0), (30.0, 30.0)]);
    let (res, pauses) = tried(&[busy(Some(31)), good()]).await;
    let message = "model `fast` of provider `local` gave no answer: full; it wants to be left \
                   alone for 31 s, longer than is waited";
    let retry_after = Some(Duration::from_secs(31));
    assert_eq!(res, Err(ProviderError::Busy { message: message.to_owned(), retry_after }));
    assert!(pauses.is_empty());
}

#[tokio::test(start_paused = true)]
async fn it_ends_after_so_many_tries() {
    let (res, pauses) = tried(&[broken(), broken(), broken(), broken(), good()]).await;
    let text = "model `fast` of provider `local` gave no answer after 4 tries: boom".to_owned();
    assert_eq!((res, pauses.len()), (Err(ProviderError::Broken(text)), 3));
}

#[tokio::test(start_paused = true)]
async fn what_would_not_help_is_not_tried_again() {
    type Make = fn(String) -> ProviderError;
    for make in [ProviderError::Invalid as Make, ProviderError::TooLong, ProviderError::Key] {
        let (res, pauses) = tried(&[Err(make("no".to_owned())), good()]).await;
        let text = "model `fast` of provider `local` gave no answer: no".to_owned();
        assert_eq!((res, pauses.len()), (Err(make(text)), 0));
    }
    let (res, pauses) = tried(&[Err(ProviderError::Cancelled), good()]).await;
    assert_eq!((res, pauses.len()), (Err(ProviderError::Cancelled), 0));
}

#[tokio::test(start_paused = true)]
async fn a_try_that_takes_too_long_is_ended() {
    let (res, pauses) = tried(&[]).await;
    let text = "model `fast` of provider `local` gave no answer after 4 tries: no whole answer \
                within 100 s";
    assert_eq!(res, Err(ProviderError::Broken(text.to_owned())));
    check_pauses(&pauses, &[(101.0, 102.0), (102.0, 104.0), (104.0, 108.0)]);
}

#[tokio::test(start_paused = true)]
async fn it_can_be_cancelled_while_it_asks_and_while_it_waits() {
    for outcomes in [vec![], vec![busy(Some(25))]] {
        let (model, listed) = patient(&outcomes);
        let cancelled = CancellationToken::new();
        let start = Instant::now();
        let cancel = async {
            sleep(Duration::from_secs(5)).await;
            cancelled.cancel();
        };
        let (res, ()) = tokio::join!(model.chat(asking("x"), cancelled.clone(), None), cancel);
        assert_eq!(res, Err(ProviderError::Cancelled));
        assert_eq!(start.elapsed().as_secs(), 5);
        assert_eq!(listed.calls.lock().unwrap().len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_is_filled_in() {
    let check = async |wanted: (Option<u32>, Option<f32>), expect: (Option<u32>, Option<f32>)| {
        let (mut model, listed) = patient(&[good()]);
        (model.max_output_tokens, model.temperature) = (Some(100), Some(0.5));
        let mut request = asking("hello");
        (request.max_tokens, request.temperature) = wanted;
        model.chat(request, CancellationToken::new(), None).await.unwrap();
        let call = listed.calls.lock().unwrap().pop().unwrap().1;
        assert_eq!((call.request.max_tokens, call.request.temperature), expect);
        assert_eq!(call.model, "m-1");
    };
    check((None, None), (Some(100), Some(0.5))).await;
    check((Some(7), Some(0.0)), (Some(7), Some(0.0))).await;
    check((Some(700), Some(2.0)), (Some(100), Some(2.0))).await;
}

async fn refused(request: ChatRequest) -> Option<ProviderError> {
    let (mut model, listed) = patient(&[good()]);
    model.context_tokens = Some(1_000);
    let res = model.chat(request, CancellationToken::new(), None).await.err();
    assert_eq!(listed.calls.lock().unwrap().is_empty(), res.is_some(), "asked or refused");
    res
}

#[tokio::test(start_paused = true)]
async fn what_makes_no_sense_is_not_sent() {
    for temperature in [-0.1, 2.1, f32::NAN, f32::INFINITY] {
        let request = ChatRequest { temperature: Some(temperature), ..asking("hello") };
        let text = "the temperature is not between 0 and 2".to_owned();
        assert_eq!(refused(request).await, Some(ProviderError::Invalid(text)));
    }
    let request = ChatRequest { max_tokens: Some(0), ..asking("hello") };
    let text = "at least 1 token has to be allowed".to_owned();
    assert_eq!(refused(request).await, Some(ProviderError::Invalid(text)));
}

#[tokio::test(start_paused = true)]
async fn only_what_is_clearly_too_long_is_not_sent() {
    assert_eq!(refused(asking(&"x".repeat(8_000))).await, None);
    let text = "the conversation has about 2001 tokens; `fast` takes 1000".to_owned();
    let err = refused(asking(&"x".repeat(8_001))).await;
    assert_eq!(err, Some(ProviderError::TooLong(text)));
}

#[test]
fn a_pause_has_its_bounds() {
    let check = |tries, jitter, expect| {
        let patience = patient(&[]).0.patience;
        let patience = Patience { max_attempts: u32::MAX, ..patience };
        let error = ProviderError::Broken(String::new());
        let pause = patience.pause(tries, &error, jitter).unwrap();
        assert_eq!(pause, Duration::from_secs_f64(expect));
    };
    check(1, 0.0, 1.0);
    check(1, 1.0, 2.0);
    check(3, 0.5, 6.0);
    check(5, 1.0, 30.0);
    check(u32::MAX - 1, 1.0, 30.0);
}
