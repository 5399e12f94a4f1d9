use super::*;
use crate::fake;

fn conversation() -> Conversation {
    Conversation::new("s", "t".to_owned())
}

/// A round with results of so many bytes.
fn round(conversation: &mut Conversation, results: &[usize]) {
    let calls = vec![("now", "{}"); results.len()];
    let results = results.iter().map(|it| "x".repeat(*it)).collect();
    conversation.round(fake::calls(&calls), results);
}

/// The messages as the first letters of their authors.
fn shape(conversation: &Conversation) -> String {
    let letter = |it: &Message| match it.author {
        Author::System => 's',
        Author::User => 'u',
        Author::Assistant => 'a',
        Author::Tool => 't',
    };
    conversation.request.messages.iter().map(letter).collect()
}

/// Bytes of each result.
fn results(conversation: &Conversation) -> Vec<usize> {
    let messages = conversation.request.messages.iter();
    messages.filter(|it| it.author == Author::Tool).map(|it| it.text.len()).collect()
}

/// Every call has its result right after it, and every result its call.
#[track_caller]
fn check_pairs(conversation: &Conversation) {
    let mut open = Vec::new();
    for message in &conversation.request.messages {
        match message.author {
            Author::Tool => {
                assert_eq!(message.answers.as_ref(), Some(&open.remove(0)));
            }
            _ => assert_eq!(open, Vec::<String>::new()),
        }
        open.extend(message.tool_calls.iter().map(|it| it.id.clone()));
    }
    assert_eq!(open, Vec::<String>::new());
}

#[test]
fn a_request_offers_what_it_is_told_to() {
    let mut conversation = conversation();
    let request = conversation.request(&fake::specs(), None);
    assert_eq!((request.tools.len(), request.response_schema.as_deref()), (2, None));
    let request = conversation.request(&[], Some("{}"));
    assert_eq!((request.tools.len(), request.response_schema.as_deref()), (0, Some("{}")));
}

#[test]
fn a_huge_result_is_cut_when_it_comes() {
    let mut conversation = conversation();
    round(&mut conversation, &[RESULT_BYTES, 10 * RESULT_BYTES]);
    let lengths = results(&conversation);
    assert_eq!(lengths[0], RESULT_BYTES);
    assert!(lengths[1] < RESULT_BYTES + 100, "{}", lengths[1]);
    assert!(conversation.request.messages[4].text.contains("[… 221184 bytes left out …]"));
}

#[test]
fn the_oldest_results_go_first() {
    let mut conversation = conversation();
    for _ in 0..3 {
        round(&mut conversation, &[3_000]);
    }
    assert!(conversation.too_long());
    let lengths = results(&conversation);
    assert!(lengths[0] < 2 * STUB_BYTES, "{lengths:?}");
    assert!(lengths[1] < 2 * STUB_BYTES, "{lengths:?}");
    assert_eq!(lengths[2], 3_000);
    assert_eq!(shape(&conversation), "suatatat");
    check_pairs(&conversation);
}

#[test]
fn old_rounds_go_as_a_whole_when_results_are_not_enough() {
    let mut conversation = conversation();
    for _ in 0..4 {
        round(&mut conversation, &[100, 100]);
        conversation.ask("go on");
    }
    assert!(conversation.too_long());
    assert_eq!(shape(&conversation), "suattuattu");
    assert_eq!(conversation.request.messages[1].text, format!("t{LEFT_OUT}"));
    check_pairs(&conversation);
}

#[test]
fn the_newest_results_share_what_room_there_is() {
    let mut conversation = conversation();
    round(&mut conversation, &[20_000, 500, 20_000]);
    assert!(conversation.too_long());
    let lengths = results(&conversation);
    assert_eq!(lengths[1], 500);
    assert!(lengths[0] < 9_100 && lengths[2] < 9_100, "{lengths:?}");
    assert_eq!(shape(&conversation), "suattt");
    check_pairs(&conversation);
}

#[test]
fn what_was_too_long_once_is_not_sent_again() {
    let mut conversation = conversation();
    round(&mut conversation, &[6_000]);
    assert!(conversation.too_long());
    for _ in 0..10 {
        round(&mut conversation, &[3_000]);
        conversation.request(&[], None);
        assert!(conversation.bytes() <= 4_006, "{}", conversation.bytes());
        check_pairs(&conversation);
    }
}

#[test]
fn a_task_that_is_too_long_by_itself_can_not_be_mended() {
    let mut conversation = Conversation::new("s", "t".repeat(100_000));
    assert!(!conversation.too_long());
    assert_eq!(conversation.bytes(), 100_001);
}

#[test]
fn tries_are_bounded_until_something_was_taken() {
    let mut conversation = conversation();
    let full = |it: &mut Conversation| (0..20).for_each(|_| round(it, &[20_000]));
    full(&mut conversation);
    let tries = (0..10).take_while(|_| conversation.too_long()).count();
    assert_eq!(tries, 4);
    round(&mut conversation, &[20_000]);
    assert!(conversation.too_long());
}
