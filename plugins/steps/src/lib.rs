//! Does the tool calls that its context lists, one after the other.
//!
//! What it calls is decided at run time, so it goes through the toolbox: each
//! granted tool is a handle there, and takes and gives JSON. Only this file
//! talks to the host; the modules below are plain functions over text.

mod diary;
mod step;

use hermitage_guest::{
    Error, Report, Task, ToolError, agent, progress,
    toolbox::{self, Tool},
};

use crate::{diary::Diary, step::Step};

#[agent]
fn run(task: Task) -> Result<Report, Error> {
    let steps = step::read(task.context.as_deref())?;
    let tools = toolbox::granted();
    let names: Vec<String> = tools.iter().map(|it| it.spec().name).collect();
    let places = step::places(&steps, &names)?;
    let mut diary = Diary::new(steps.len());
    // All places are of this list.
    let calls = steps.iter().zip(places.iter().filter_map(|it| tools.get(*it)));
    match do_all(calls, &mut diary) {
        Ok(()) => Ok(match diary.failure() {
            Some(why) => Report::failed(why).with_summary(diary.text()),
            None => Report::completed(diary.text()),
        }),
        // Not failures: the host asks for what there is.
        Err(error) if error.is_stop() => Ok(Report::completed(diary.partial()).truncated()),
        Err(error) => Err(error.into()),
    }
}

/// An error is the end of the run; those of one tool are in the diary.
fn do_all<'a>(
    calls: impl Iterator<Item = (&'a Step, &'a Tool)>,
    diary: &mut Diary,
) -> Result<(), ToolError> {
    for (step, tool) in calls {
        progress::report(&format!("step {} of {}", diary.next(), diary.all()));
        match tool.call(&step.arguments) {
            Ok(answer) => diary.answered(&step.tool, &answer),
            Err(ToolError::Denied(why)) => diary.refused(&step.tool, "denied", &why),
            Err(ToolError::InvalidArguments(why)) => {
                diary.refused(&step.tool, "invalid arguments", &why);
            }
            Err(ToolError::Failed(why)) => diary.refused(&step.tool, "failed", &why),
            Err(end) => return Err(end),
        }
        progress::checkpoint(&diary.partial());
    }
    Ok(())
}
