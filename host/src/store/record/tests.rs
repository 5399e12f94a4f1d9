use std::{env, fs, path::Path, sync::Arc, time::Duration};

use super::*;
use crate::{
    event::{BoundaryRecord, PluginDigest},
    store::sample,
};

fn unit() -> UnitRecord {
    let parent = Some(sample::delegation(9));
    UnitRecord { parent, ..sample::unit(1, &[&[0, 2], &[1]]) }
}

fn result() -> ChildResult {
    sample::result(300, Status::Timeout)
}

fn completion() -> EventBody {
    let unit = unit();
    let results = vec![sample::result(0, Status::Completed), sample::result(2, Status::Failed)];
    let event = unit.completion(&unit.groups[0], results, 2_000.25, Duration::from_millis(1_500));
    EventBody::Completion(std::sync::Arc::new(event))
}

fn failure() -> EventBody {
    EventBody::Failure(Box::new(unit().failure(result(), 1, 9.5)))
}

fn other() -> EventBody {
    EventBody::Other(r#"{"type":"watch_match","line":"grün"}"#.to_owned())
}

/// Compares with the bytes that were written before, or writes them with
/// `UPDATE_FIXTURES=1`: for a new record, never for one that was released.
fn check<T: PartialEq + std::fmt::Debug>(
    name: &str,
    value: &T,
    encode: impl Fn(&T) -> Result<Vec<u8>, StoreError>,
    decode: impl Fn(&[u8]) -> Result<T, CodecError>,
) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store/fixtures").join(name);
    if env::var_os("UPDATE_FIXTURES").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, encode(value).unwrap()).unwrap();
    }
    let bytes = fs::read(&path).unwrap();
    assert_eq!(decode(&bytes).as_ref(), Ok(value), "{name}");
    assert_eq!(encode(value).unwrap(), bytes, "{name}");
}

/// Compares what is read of the bytes that an earlier version wrote.
fn check_earlier<T: PartialEq + std::fmt::Debug>(
    name: &str,
    value: &T,
    decode: impl Fn(&[u8]) -> Result<T, CodecError>,
) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store/fixtures").join(name);
    assert_eq!(decode(&fs::read(path).unwrap()).as_ref(), Ok(value), "{name}");
}

fn without_log(result: ChildResult) -> ChildResult {
    ChildResult { log: Vec::new(), log_dropped: 0, ..result }
}

#[test]
fn what_earlier_versions_wrote_is_read() {
    check_earlier("unit.v1.bin", &UnitRecord { workspace: None, ..unit() }, decode_unit);
    check_earlier("result.v1.bin", &without_log(result()), decode_result);
    let EventBody::Completion(mut event) = completion() else { panic!() };
    let results = &mut std::sync::Arc::make_mut(&mut event).results;
    *results = results.drain(..).map(without_log).collect();
    check_earlier("completion.v1.bin", &EventBody::Completion(event), decode_body);
    let EventBody::Failure(mut notice) = failure() else { panic!() };
    notice.result = without_log(notice.result);
    check_earlier("failure.v1.bin", &EventBody::Failure(notice), decode_body);
}

#[test]
fn records_have_the_bytes_that_other_versions_read() {
    check("unit.v2.bin", &unit(), encode_unit, decode_unit);
    check("result.v2.bin", &result(), encode_result, decode_result);
    check("completion.v2.bin", &completion(), encode_body, decode_body);
    check("failure.v2.bin", &failure(), encode_body, decode_body);
    check("other.v1.bin", &other(), encode_body, decode_body);
    let summary = "A long summary".to_owned();
    check("summary.v1.bin", &summary, |it| encode_summary(it), decode_summary);
}

/// The way out, should this codec have to go.
#[test]
fn another_implementation_reads_every_record() {
    fn read<R: Record>(bytes: &[u8]) {
        let config = bincode_next::config::standard();
        let payload = &bytes[8..];
        let (res, read): (R, usize) =
            bincode_next::serde::decode_from_slice(payload, config).unwrap();
        assert_eq!(read, payload.len());
        assert_eq!(codec::encode(&res).unwrap(), bytes);
        assert_eq!(bincode_next::serde::encode_to_vec(&res, config).unwrap(), payload);
    }
    read::<UnitV2>(&encode_unit(&unit()).unwrap());
    read::<ResultV2>(&encode_result(&result()).unwrap());
    read::<CompletionV2>(&encode_body(&completion()).unwrap());
    read::<FailureV2>(&encode_body(&failure()).unwrap());
    read::<OtherV1>(&encode_body(&other()).unwrap());
    read::<SummaryV1>(&encode_summary("A long summary").unwrap());
}

#[test]
fn a_value_that_is_not_known_is_named() {
    let check = |spoil: fn(&mut ResultV1), why: &str| {
        let mut record = ResultV2::from(&result());
        spoil(&mut record.base);
        let bytes = codec::encode(&record).unwrap();
        assert_eq!(decode_result(&bytes).unwrap_err().to_string(), why);
    };
    check(|it| it.status = "great".to_owned(), "`great` is no status");
    check(|it| it.exit_reason = "\u{1b}[".to_owned(), "`\\u{1b}[` is no exit reason");
    check(|it| it.child_id = "sa-1".to_owned(), "`sa-1` is no child");
}

#[test]
fn one_record_is_not_taken_for_another() {
    let unit = encode_unit(&unit()).unwrap();
    let why = "the schema 0x0102 is not known here";
    assert_eq!(decode_body(&unit).unwrap_err().to_string(), why);
    assert_eq!(decode_result(&unit).unwrap_err().to_string(), why);
}

#[test]
fn a_summary_beyond_all_measure_is_cut_between_characters() {
    let text = "é".repeat(MOST_SUMMARY);
    let kept = decode_summary(&encode_summary(&text).unwrap()).unwrap();
    let (head, word) = kept.split_once('\n').unwrap();
    assert!(text.starts_with(head) && MOST_SUMMARY - 2 < head.len());
    assert_eq!(word, format!("[… {} more bytes were not kept]\n", text.len() - head.len()));
}

#[test]
fn a_unit_that_could_not_be_reported_is_not_taken() {
    let large = UnitRecord { context: Some("x".repeat(MOST / 4)), ..unit() };
    let err = encode_unit(&large).unwrap_err();
    assert!(matches!(err, StoreError::TooLarge { what: "unit", .. }), "{err}");
}

#[test]
fn the_plugins_behind_a_grant_are_kept_and_are_no_imports() {
    let mut result = result();
    let boundary = result.boundary.as_ref().unwrap();
    let digest = |plugin: &str| PluginDigest {
        plugin: plugin.to_owned(),
        component: format!("{plugin}'s digest"),
    };
    let plugins = vec![digest("csv"), digest("jq")];
    let boundary = BoundaryRecord { plugins, ..BoundaryRecord::clone(boundary) };
    result.boundary = Some(Arc::new(boundary));
    assert_eq!(decode_result(&encode_result(&result).unwrap()), Ok(result));
}
