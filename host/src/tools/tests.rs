mod grants;
mod native;
mod reading;

use super::bundled;
use crate::toolset::ToolId;

fn tool(name: &str) -> ToolId {
    bundled().get(name).unwrap()
}

#[test]
fn every_tool_is_in_a_toolset_and_found_by_its_name() {
    for tool in bundled().tools() {
        assert_eq!(bundled().get(tool.name()), Some(tool));
        assert_ne!(tool.toolset(), "", "`{tool}` is in no toolset");
        assert!(bundled().toolset(tool.toolset()).unwrap().tools.contains(&tool), "{tool}");
    }
}

#[test]
fn a_toolset_is_the_parents_own_as_a_whole_or_not_at_all() {
    for toolset in bundled().toolsets() {
        let first = toolset.tools[0].is_parents_own();
        let is_same = |it: &ToolId| it.is_parents_own() == first;
        assert!(toolset.tools.iter().all(is_same), "{}", toolset.name);
    }
}

#[test]
fn every_tool_is_described() {
    for tool in bundled().tools() {
        assert_eq!(tool.spec().name, tool.name());
        assert_ne!(tool.spec().description, "", "{tool}");
    }
}

#[test]
fn a_schema_tells_a_model_what_each_argument_is() {
    let spec = tool("read_file").spec();
    insta::assert_snapshot!(spec.description, @"Reads a text file of the workspace, or some lines of it.");
    insta::assert_snapshot!(spec.parameters, @r#"{"additionalProperties":false,"properties":{"limit":{"description":"How many lines to read; 0 reads no text and gives the counts alone.","minimum":0,"type":"integer"},"offset":{"description":"First line to read, counted from 1; the start when absent.","minimum":0,"type":"integer"},"path":{"description":"Path relative to the workspace.","type":"string"}},"required":["path"],"type":"object"}"#);
}

#[test]
fn the_schema_of_a_delegation_stands_alone() {
    let spec = tool("delegate_task").spec();
    insta::assert_snapshot!(spec.parameters, @r#"{"additionalProperties":false,"properties":{"agent":{"description":"Name of the agent for every task that names none; the caller's own when absent.","type":"string"},"context":{"description":"Background for every task that has none of its own.","type":"string"},"goal":{"description":"The work, for a single subagent: complete, since it knows nothing else. Either this or `tasks` is needed.","type":"string"},"max_iterations":{"description":"Model calls of every task that names no number.","minimum":0,"type":"integer"},"model":{"description":"Name of the model for every task that names none; the default one when absent.","type":"string"},"output_schema":{"additionalProperties":true,"description":"JSON Schema that the summary of every task without one must satisfy.","type":"object"},"role":{"description":"Role of every task that names none. An `orchestrator` may delegate, too; a `leaf`, the default, works alone.","enum":["leaf","orchestrator"],"type":"string"},"tasks":{"description":"Several tasks, which run side by side; `goal` is not looked at then.","items":{"additionalProperties":false,"description":"What one subagent is to do.","properties":{"agent":{"description":"Name of the agent.","type":"string"},"context":{"description":"Background.","type":"string"},"goal":{"description":"The work: complete, since the subagent knows nothing else.","type":"string"},"max_iterations":{"description":"Model calls.","minimum":0,"type":"integer"},"model":{"description":"Name of the model.","type":"string"},"output_schema":{"additionalProperties":true,"description":"JSON Schema that the summary must satisfy.","type":"object"},"role":{"description":"`orchestrator` when it may delegate, too.","enum":["leaf","orchestrator"],"type":"string"},"toolsets":{"description":"Toolsets or single tools.","items":{"type":"string"},"type":"array"}},"required":["goal"],"type":"object"},"type":"array"},"toolsets":{"description":"Toolsets or single tools of every task that names none; those of the caller when absent, none when empty.","items":{"type":"string"},"type":"array"}},"type":"object"}"#);
}
