//! `hermitage bench`: how fast this is on this machine, each figure beside its
//! floor.

use std::{env, ffi::OsString, io, num::NonZeroUsize, process::ExitCode, thread};

use clap::Parser as _;
use serde::Serialize;
use tempfile::TempDir;

use super::{
    Exit,
    args::{self, Args},
    columns::{Cell, titled},
    dispatch,
    error::CliError,
    output,
    paint::Paint,
    screen::Screen,
    setup::block_on,
};
use crate::{
    bench::{Bench, BenchError, Course, Measured},
    host::default_store,
};

/// The titles of the columns.
const TITLES: [&str; 6] = ["FIGURE", "VALUE", "FLOOR", "RATIO", "AIM", ""];

/// Names of directories that are left when a bench is killed.
const PREFIX: &str = "hermitage-bench-";

/// What JSON says.
#[derive(Serialize)]
struct Results<'a> {
    version: &'static str,
    /// Figures of a program without optimisations say nothing.
    optimised: bool,
    processors: usize,
    rounds: NonZeroUsize,
    figures: &'a [Measured],
}

pub(super) fn bench(args: &args::Bench) -> Result<Exit, CliError> {
    if let Some(part) = args.part.clone() {
        let number = block_on(part.measure(&args.dir))?.map_err(failed)?;
        return output::result(&number.to_string()).map(|()| Exit::Completed);
    }
    let screen = Screen::new();
    if cfg!(debug_assertions) {
        screen
            .leave("note: this program was built without optimisations (`cargo build --release`)");
    }
    let figures = block_on(async {
        tokio::select! {
            figures = all(args, &screen) => figures,
            _ = tokio::signal::ctrl_c() => {
                Err(CliError::host(anyhow::anyhow!("interrupted")).exiting(Exit::Interrupted))
            }
        }
    });
    screen.clear();
    let figures = figures??;
    if args.json {
        output::json(&Results {
            version: env!("CARGO_PKG_VERSION"),
            optimised: !cfg!(debug_assertions),
            processors: thread::available_parallelism().map_or(1, NonZeroUsize::get),
            rounds: args.rounds,
            figures: &figures,
        })?;
    } else {
        output::result(&table(&figures, Paint::stdout()))?;
    }
    Ok(Exit::Completed)
}

async fn all(args: &args::Bench, screen: &Screen) -> Result<Vec<Measured>, CliError> {
    let told = |what: &str| match screen.room() {
        Some(_) => screen.draw(&[what.to_owned()]),
        None => screen.leave(what),
    };
    let dir = dir().map_err(|it| CliError::host(it).context("there is no place for databases"))?;
    let this = env::current_exe().map_err(|it| CliError::host(it).context("this program is gone"));
    let program = args.program.clone().map_or(this, Ok)?;
    let course = Course { rounds: args.rounds, dir: dir.path(), program: &program, told: &told };
    let is_asked =
        |it: &Bench| args.names.iter().any(|name| name == args::ALL_BENCHES || name == it.name());
    let mut figures = Vec::new();
    for bench in Bench::ALL.into_iter().filter(is_asked) {
        let in_bench = |it: CliError| it.context(format!("`{}` can't be measured", bench.name()));
        figures.extend(bench.run(&course).await.map_err(|it| in_bench(failed(it)))?);
    }
    Ok(figures)
}

fn failed(err: BenchError) -> CliError {
    CliError::host(anyhow::Error::from_boxed(err))
}

/// A directory on the disk of the usual store, as near to it as there is one
/// already.
fn dir() -> io::Result<TempDir> {
    let usual = default_store();
    let there = usual.iter().flat_map(|it| it.ancestors().skip(1)).find(|it| it.is_dir());
    let made = there.map(|it| tempfile::Builder::new().prefix(PREFIX).tempdir_in(it));
    made.and_then(Result::ok).map_or_else(tempfile::tempdir, Ok)
}

fn table(figures: &[Measured], paint: Paint) -> String {
    let titles = TITLES.map(|it| Cell { text: it.to_owned(), shown: paint.faint(it) });
    let rows: Vec<Vec<Cell>> = figures.iter().map(|it| row(it, paint)).collect();
    titled(titles.into(), &rows, output::width_of_result()).join("\n")
}

fn row(figure: &Measured, paint: Paint) -> Vec<Cell> {
    let counted = |it: f64| format!("{} {}", number(it), figure.unit).trim_end().to_owned();
    let reached = match figure.reached {
        Some(true) => Cell { text: "✓".to_owned(), shown: paint.good("✓") },
        Some(false) => Cell { text: "✗".to_owned(), shown: paint.bad("✗") },
        None => Cell::plain(String::new()),
    };
    vec![
        Cell::plain(figure.name.to_owned()),
        Cell::plain(counted(figure.value)),
        Cell::plain(figure.floor.map(counted).unwrap_or_default()),
        Cell::plain(figure.ratio.map(|it| format!("{it:.2}")).unwrap_or_default()),
        Cell::plain(figure.aim.map(|it| it.to_string()).unwrap_or_default()),
        reached,
    ]
}

/// Three digits that say something, and none behind those of a large one.
fn number(value: f64) -> String {
    match value.abs() {
        it if it >= 100.0 => format!("{value:.0}"),
        it if it >= 10.0 => format!("{value:.1}"),
        it if it >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

/// A bench of cargo: `cargo bench --bench NAME` is `hermitage bench NAME`, with
/// the options that stand behind `--`. `program` is the command line.
pub fn of_cargo(name: &str, program: &str) -> ExitCode {
    crate::run_if_helper();
    let options = env::args_os().skip(1).filter(|it| it != "--bench");
    let words = ["hermitage", "bench", name, "--program", program].map(OsString::from);
    let words = words.into_iter().chain(options);
    let exit =
        Args::try_parse_from(words).map_err(|it| CliError::arguments(&it)).and_then(dispatch);
    ExitCode::from(exit.unwrap_or_else(|err| err.report(false)) as u8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::Aim;

    #[test]
    fn a_figure_has_three_digits() {
        let check = |value: f64, expect| assert_eq!(number(value), expect);
        check(63_123.4, "63123");
        check(99.96, "100.0");
        check(14.25, "14.2");
        check(1.304, "1.30");
        check(0.0, "0.000");
    }

    #[test]
    fn the_table_says_which_aims_are_missed() {
        let (name, unit) = ("spawn.cpu", "µs");
        let aim = Some(Aim::RatioAtMost(1.5));
        let figure = Measured {
            name,
            value: 140.0,
            unit,
            floor: Some(10.0),
            ratio: Some(14.0),
            aim,
            reached: Some(false),
        };
        let alone = Measured {
            name: "spawn.floor",
            floor: None,
            ratio: None,
            aim: None,
            reached: None,
            ..figure.clone()
        };
        assert_eq!(
            table(&[figure, alone], Paint::none()),
            "FIGURE       VALUE   FLOOR    RATIO  AIM\n\
             spawn.cpu    140 µs  10.0 µs  14.00  ratio ≤ 1.5  ✗\n\
             spawn.floor  140 µs"
        );
    }
}
