//! What a provider may send, whoever it is: its address may be wrong, its
//! gateway taken over, its model talked into anything.
//!
//! Depth needs no number here: `serde_json` reads no value that is nested
//! deeper than 128, which bounds the stack that reading and dropping it take.

/// Bytes of an answer that comes at once. Bounds a body that never ends; as
/// parsed values it takes some ten times that.
pub(super) const MAX_BODY_BYTES: usize = 8 << 20;

/// Bytes of a streamed answer, where each token comes in an envelope of some
/// hundred bytes. Bounds a stream that never ends.
pub(super) const MAX_STREAM_BYTES: usize = 64 << 20;

/// Bytes of one event of a stream. Bounds a line that never ends.
pub(super) const MAX_EVENT_BYTES: usize = 2 << 20;

/// Bytes of all texts of a merged message. Bounds what is kept of a stream
/// that is nothing but text.
pub(super) const MAX_TEXT_BYTES: usize = 8 << 20;

/// Values in a merged message: fields and entries of lists. Bounds a stream
/// of lists of `0`, which take twenty times their bytes as values.
pub(super) const MAX_VALUES: usize = 50_000;

/// Tool calls in one answer. Bounds an answer that fans out without end; each
/// call is work for the host.
pub(super) const MAX_TOOL_CALLS: usize = 128;

/// Bytes of the arguments of one tool call: they are copied into the child's
/// memory.
pub(super) const MAX_ARGUMENT_BYTES: usize = 1 << 20;

/// Bytes of a name that an answer gives. Bounds what is kept and logged of it.
pub(super) const MAX_NAME_BYTES: usize = 256;

/// Bytes of the id of a tool call. Some gateways hide signatures of some
/// kilobytes in it. Bounds what goes back and forth in every later request.
pub(super) const MAX_ID_BYTES: usize = 16 << 10;

/// Bytes of the body of an error that are read. Bounds an error page without
/// end.
pub(super) const MAX_ERROR_BYTES: usize = 64 << 10;

/// Characters of an error that are quoted: enough to see what is meant, too
/// little to fill a conversation.
pub(super) const MAX_QUOTE_CHARS: usize = 300;

/// Characters of an error as a whole. Bounds what a parser quotes of an answer.
pub(super) const MAX_ERROR_CHARS: usize = 1_000;

/// Tokens that a usage may claim. Bounds a count that would overflow sums.
pub(super) const MAX_TOKENS_SAID: u64 = 1 << 40;
