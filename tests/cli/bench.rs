//! `hermitage bench`.

use crate::{check, harness::Cli};

#[test]
fn a_bench_gives_each_figure_beside_its_floor() {
    let ran = Cli::new(&[]).run(&["bench", "spawn", "--rounds", "1", "--json"]);
    assert_eq!(ran.exit, Some(0), "{ran}");
    let results = ran.json();
    assert_eq!((&results["rounds"], &results["optimised"]), (&1.into(), &false.into()));
    let figures = results["figures"].as_array().unwrap();
    let cpu = figures.iter().find(|it| it["name"] == "spawn.cpu").unwrap();
    let number = |key: &str| cpu[key].as_f64().unwrap();
    assert!(0.0 < number("floor") && number("floor") < number("value"), "{cpu}");
    assert!((number("ratio") - number("value") / number("floor")).abs() < 0.01, "{cpu}");
    assert_eq!((&cpu["unit"], &cpu["aim"]), (&"µs".into(), &"ratio ≤ 1.5".into()));
    assert!(ran.stderr.contains("spawn: round 1 of 1"), "{ran}");
}

#[test]
fn what_is_no_bench_and_no_rounds_are_told() {
    let cli = Cli::new(&[]);
    check!(cli.run(&["bench", "spwan"]), @"
    exit: 2
    ----- stdout

    ----- stderr
    error: invalid value 'spwan' for '[NAME]...' [possible values: spawn, durable, record, hosts, density, cold, compile, kill, fairness, boundary, all]
    hint: a similar value exists: 'spawn'
    ");
    check!(cli.run(&["bench", "--rounds", "0"]), @"
    exit: 2
    ----- stdout

    ----- stderr
    error: invalid value '0' for '--rounds <N>': it begins at 1
    hint: see `--help`
    ");
}
