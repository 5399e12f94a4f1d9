//! Every instruction of a module that is no control flow: what it takes and
//! gives.

use std::sync::LazyLock;

/// A local of each type, as [`TABLE`] names them.
pub(super) const LOCALS: &str = "(local $a i32) (local $b i64) (local $c f32) (local $d f64) \
                                 (local $v v128) (local $r funcref)";

/// What instructions take and give, by the locals of [`LOCALS`]; and their
/// names, with a `~` for the blank before a fixed argument.
const TABLE: &[(&str, &str)] = &[
    (
        "a:a",
        "i32.clz i32.ctz i32.popcnt i32.eqz i32.extend8_s i32.extend16_s memory.grow i32.load \
             i32.load8_s i32.load8_u i32.load16_s i32.load16_u",
    ),
    (
        "aa:a",
        "i32.add i32.sub i32.mul i32.div_s i32.div_u i32.rem_s i32.rem_u i32.and i32.or i32.xor \
              i32.shl i32.shr_s i32.shr_u i32.rotl i32.rotr i32.eq i32.ne i32.lt_s i32.lt_u i32.gt_s \
              i32.gt_u i32.le_s i32.le_u i32.ge_s i32.ge_u",
    ),
    ("aa:", "i32.store i32.store8 i32.store16"),
    ("aaa:a", "select"),
    ("b:b", "i64.clz i64.ctz i64.popcnt i64.extend8_s i64.extend16_s i64.extend32_s"),
    (
        "bb:b",
        "i64.add i64.sub i64.mul i64.div_s i64.div_u i64.rem_s i64.rem_u i64.and i64.or i64.xor \
              i64.shl i64.shr_s i64.shr_u i64.rotl i64.rotr",
    ),
    (
        "bb:a",
        "i64.eq i64.ne i64.lt_s i64.lt_u i64.gt_s i64.gt_u i64.le_s i64.le_u i64.ge_s i64.ge_u",
    ),
    ("a:b", "i64.extend_i32_s i64.extend_i32_u i64.load i64.load8_s i64.load16_u i64.load32_s"),
    ("ab:", "i64.store i64.store8 i64.store16 i64.store32"),
    ("b:a", "i32.wrap_i64 i64.eqz"),
    ("c:c", "f32.abs f32.neg f32.ceil f32.floor f32.trunc f32.nearest f32.sqrt"),
    ("cc:c", "f32.add f32.sub f32.mul f32.div f32.min f32.max f32.copysign"),
    ("cc:a", "f32.eq f32.ne f32.lt f32.gt f32.le f32.ge"),
    ("d:d", "f64.abs f64.neg f64.ceil f64.floor f64.trunc f64.nearest f64.sqrt"),
    ("dd:d", "f64.add f64.sub f64.mul f64.div f64.min f64.max f64.copysign"),
    ("dd:a", "f64.eq f64.ne f64.lt f64.gt f64.le f64.ge"),
    (
        "c:a",
        "i32.trunc_f32_s i32.trunc_f32_u i32.trunc_sat_f32_s i32.trunc_sat_f32_u \
             i32.reinterpret_f32",
    ),
    ("d:a", "i32.trunc_f64_s i32.trunc_f64_u i32.trunc_sat_f64_s i32.trunc_sat_f64_u"),
    ("c:b", "i64.trunc_f32_s i64.trunc_f32_u i64.trunc_sat_f32_s i64.trunc_sat_f32_u"),
    (
        "d:b",
        "i64.trunc_f64_s i64.trunc_f64_u i64.trunc_sat_f64_s i64.trunc_sat_f64_u \
             i64.reinterpret_f64",
    ),
    ("a:c", "f32.convert_i32_s f32.convert_i32_u f32.load"),
    ("b:c", "f32.convert_i64_s f32.convert_i64_u"),
    ("a:d", "f64.convert_i32_s f64.convert_i32_u f64.load"),
    ("b:d", "f64.convert_i64_s f64.convert_i64_u"),
    ("d:c", "f32.demote_f64"),
    ("c:d", "f64.promote_f32"),
    ("ac:", "f32.store"),
    ("ad:", "f64.store"),
    (":a", "memory.size table.size~$t i32.const~7"),
    (":b", "i64.const~-1"),
    (":c", "f32.const~0.1"),
    (":d", "f64.const~0.1"),
    (":", "nop data.drop~$d elem.drop~$e"),
    ("aaa:", "memory.fill memory.copy memory.init~$d table.copy~$t~$t table.init~$t~$e"),
    ("a:r", "table.get~$t"),
    ("ar:", "table.set~$t"),
    ("ra:a", "table.grow~$t"),
    ("ara:", "table.fill~$t"),
    (":r", "ref.null~func ref.func~$nothing"),
    ("r:a", "ref.is_null"),
    (
        "a:v",
        "v128.load v128.load8x8_s v128.load16x4_u v128.load32x2_s v128.load8_splat \
             v128.load64_splat v128.load32_zero i8x16.splat i16x8.splat i32x4.splat",
    ),
    ("av:", "v128.store v128.store8_lane~0 v128.store64_lane~1"),
    ("av:v", "v128.load8_lane~0 v128.load64_lane~1"),
    ("b:v", "i64x2.splat"),
    ("c:v", "f32x4.splat"),
    ("d:v", "f64x2.splat"),
    (":v", "v128.const~i64x2~1~2"),
    (
        "v:v",
        "v128.not i8x16.abs i8x16.neg i8x16.popcnt i16x8.abs i16x8.neg i32x4.abs i32x4.neg \
             i64x2.abs i64x2.neg f32x4.abs f32x4.neg f32x4.sqrt f32x4.ceil f32x4.floor f32x4.trunc \
             f32x4.nearest f64x2.abs f64x2.neg f64x2.sqrt f64x2.ceil f64x2.floor f64x2.trunc \
             f64x2.nearest i16x8.extadd_pairwise_i8x16_s i16x8.extadd_pairwise_i8x16_u \
             i32x4.extadd_pairwise_i16x8_s i32x4.extadd_pairwise_i16x8_u i16x8.extend_low_i8x16_s \
             i16x8.extend_high_i8x16_u i32x4.extend_low_i16x8_s i32x4.extend_high_i16x8_u \
             i64x2.extend_low_i32x4_s i64x2.extend_high_i32x4_u i32x4.trunc_sat_f32x4_s \
             i32x4.trunc_sat_f32x4_u i32x4.trunc_sat_f64x2_s_zero i32x4.trunc_sat_f64x2_u_zero \
             f32x4.convert_i32x4_s f32x4.convert_i32x4_u f64x2.convert_low_i32x4_s \
             f64x2.convert_low_i32x4_u f32x4.demote_f64x2_zero f64x2.promote_low_f32x4",
    ),
    (
        "vv:v",
        "v128.and v128.andnot v128.or v128.xor i8x16.add i8x16.add_sat_s i8x16.add_sat_u \
              i8x16.sub i8x16.sub_sat_s i8x16.min_s i8x16.min_u i8x16.max_s i8x16.avgr_u i8x16.eq \
              i8x16.ne i8x16.lt_s i8x16.lt_u i8x16.gt_u i8x16.le_u i8x16.ge_u i8x16.swizzle \
              i8x16.narrow_i16x8_s i8x16.narrow_i16x8_u i16x8.narrow_i32x4_s i16x8.narrow_i32x4_u \
              i16x8.add i16x8.mul i16x8.q15mulr_sat_s i16x8.extmul_low_i8x16_s \
              i16x8.extmul_high_i8x16_u i16x8.lt_u i16x8.ge_u i32x4.add i32x4.mul i32x4.dot_i16x8_s \
              i32x4.extmul_low_i16x8_s i32x4.extmul_high_i16x8_u i32x4.lt_u i32x4.ge_u i64x2.add \
              i64x2.sub i64x2.mul i64x2.extmul_low_i32x4_s i64x2.extmul_high_i32x4_u i64x2.eq \
              i64x2.lt_s i64x2.ge_s f32x4.add f32x4.mul f32x4.div f32x4.min f32x4.max f32x4.pmin \
              f32x4.pmax f32x4.eq f32x4.lt f64x2.add f64x2.mul f64x2.div f64x2.min f64x2.max \
              f64x2.pmin f64x2.pmax f64x2.eq f64x2.lt \
              i8x16.shuffle~0~31~2~29~4~27~6~25~8~23~10~21~12~19~14~17",
    ),
    ("vvv:v", "v128.bitselect"),
    (
        "va:v",
        "i8x16.shl i8x16.shr_s i8x16.shr_u i16x8.shl i16x8.shr_s i32x4.shl i32x4.shr_u i64x2.shl \
              i64x2.shr_s i64x2.shr_u i8x16.replace_lane~3 i32x4.replace_lane~1",
    ),
    (
        "v:a",
        "v128.any_true i8x16.all_true i16x8.all_true i32x4.all_true i64x2.all_true i8x16.bitmask \
             i16x8.bitmask i32x4.bitmask i64x2.bitmask i8x16.extract_lane_s~15 i32x4.extract_lane~2",
    ),
];

/// The name of each, and the text that uses it once.
static USES: LazyLock<Vec<(&'static str, String)>> = LazyLock::new(|| {
    let row = |(signature, names): &(&'static str, &'static str)| {
        let (takes, gives) = signature.split_once(':').unwrap();
        let before: String = takes.chars().map(|it| format!("local.get ${it} ")).collect();
        let after: String = gives.chars().map(|it| format!("local.set ${it} ")).collect();
        let words: Vec<&'static str> = names.split_whitespace().collect();
        let using =
            move |name: &'static str| (name, format!("{before}{} {after}", name.replace('~', " ")));
        words.into_iter().map(using).collect::<Vec<_>>()
    };
    TABLE.iter().flat_map(row).collect()
});

/// The names of all.
pub fn names() -> Vec<&'static str> {
    USES.iter().map(|(name, _)| *name).collect()
}

pub(super) fn find(name: &str) -> Option<&'static str> {
    USES.iter().map(|(it, _)| *it).find(|it| *it == name)
}

pub(super) fn use_of(name: &str) -> &'static str {
    USES.iter().find(|(it, _)| *it == name).map_or("", |(_, text)| text)
}
