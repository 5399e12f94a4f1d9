//! The API, described for programs: OpenAPI 3.1, whose schemas are made of the
//! types that handlers take and give.

use std::sync::LazyLock;

use axum::{body::Bytes, http::header::CONTENT_TYPE, response::IntoResponse};
use schemars::{JsonSchema, Schema, SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};

use super::{
    delegations::{Listed, Logged},
    events::Wanted,
    stream::Watched,
    tools::There,
    wire,
};

/// What most calls can be refused with, each with the same body.
const REFUSED: [(u16, &str); 11] = [
    (400, "Something in the call is wrong"),
    (401, "No token, or one that is not of this service"),
    (403, "Another host is named, or it comes from a page of another site"),
    (404, "There is none that the caller may see"),
    (405, "The route has no such method"),
    (408, "The body came too slowly"),
    (409, "It can't be done any more, or not to this one"),
    (413, "The body is too large"),
    (415, "The body is not plain JSON in UTF-8"),
    (429, "There is no room for it now"),
    (503, "The store fails; `disk_full` when that is why"),
];

/// `GET /openapi.json`.
pub(super) async fn show() -> impl IntoResponse {
    // Written once: it needs no token, so anybody may ask for it all day.
    static TEXT: LazyLock<Bytes> = LazyLock::new(|| document().to_string().into());
    ([(CONTENT_TYPE, "application/json")], TEXT.clone())
}

/// The whole document.
pub(super) fn document() -> Value {
    let mut paths = Paths::new();
    delegations(&mut paths);
    events(&mut paths);
    rest(&mut paths);
    let refusals = paths.refusals();
    let Paths { mut given, mut answered, paths } = paths;
    let mut schemas = given.take_definitions(true);
    schemas.extend(answered.take_definitions(true));
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Hermitage",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Delegations to sandboxed subagents: handed out, watched, stopped, \
                            and taken back as events that are claimed and acknowledged.",
            "license": {"name": "Apache 2.0", "identifier": env!("CARGO_PKG_LICENSE")},
        },
        "servers": [{"url": "/"}],
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "responses": refusals,
            "schemas": schemas,
            "securitySchemes": {"token": {
                "type": "http",
                "scheme": "bearer",
                "description": "`hermitage token` prints one. Over the owner's socket none is needed.",
            }},
        },
    })
}

/// The paths so far, and the schemas of what they take and what they give.
struct Paths {
    given: SchemaGenerator,
    answered: SchemaGenerator,
    paths: Map<String, Value>,
}

/// One call.
struct Call {
    id: &'static str,
    summary: &'static str,
    parameters: Vec<Value>,
    body: Option<(Schema, bool)>,
    status: u16,
    answer: (&'static str, Value),
}

impl Paths {
    fn new() -> Self {
        let settings = || {
            SchemaSettings::draft2020_12()
                .with(|it| it.definitions_path = "/components/schemas".into())
        };
        let given = settings().for_deserialize().into_generator();
        let answered = settings().for_serialize().into_generator();
        Self { given, answered, paths: Map::new() }
    }

    fn json<T: JsonSchema>(&mut self) -> (&'static str, Value) {
        ("application/json", self.answered.subschema_for::<T>().to_value())
    }

    fn body<T: JsonSchema>(&mut self, is_needed: bool) -> Option<(Schema, bool)> {
        Some((self.given.subschema_for::<T>(), is_needed))
    }

    /// Every refusal once.
    fn refusals(&mut self) -> Map<String, Value> {
        let schema = self.answered.subschema_for::<wire::Refused>().to_value();
        let refusal = |(status, about): (u16, &str)| {
            let content = json!({"application/json": {"schema": schema}});
            (format!("refused-{status}"), json!({"description": about, "content": content}))
        };
        REFUSED.into_iter().map(refusal).collect()
    }

    /// The fields of a type as parameters behind the `?`.
    fn query<T: JsonSchema>(&mut self) -> Vec<Value> {
        let schema = self.given.root_schema_for::<T>();
        let fields = schema.get("properties").and_then(Value::as_object).cloned();
        let parameter = |(name, mut schema): (String, Value)| {
            let about = schema.as_object_mut().and_then(|it| it.remove("description"));
            let schema = never_null(schema);
            json!({"name": name, "in": "query", "description": about, "schema": schema})
        };
        fields.unwrap_or_default().into_iter().map(parameter).collect()
    }

    fn add(&mut self, method: &str, path: &str, call: Call) {
        let Call { id, summary, mut parameters, body, status, answer: (kind, schema) } = call;
        if path.contains("{id}") {
            parameters.insert(0, in_path(path));
        }
        let mut responses = Map::new();
        let content = json!({kind: {"schema": schema}});
        responses.insert(status.to_string(), json!({"description": summary, "content": content}));
        for (status, _) in REFUSED {
            let name = format!("#/components/responses/refused-{status}");
            responses.insert(status.to_string(), json!({"$ref": name}));
        }
        let mut operation = json!({
            "operationId": id, "summary": summary, "parameters": parameters, "responses": responses,
        });
        if let (Some((schema, is_needed)), Some(operation)) = (body, operation.as_object_mut()) {
            let content = json!({"application/json": {"schema": schema}});
            operation
                .insert("requestBody".into(), json!({"required": is_needed, "content": content}));
        }
        let item = self.paths.entry(path).or_insert_with(|| json!({}));
        if let Some(item) = item.as_object_mut() {
            item.insert(method.to_owned(), operation);
        }
    }
}

/// A parameter that is absent is left out: there is no `null` behind a `?`.
fn never_null(mut schema: Value) -> Value {
    if let Some(schema) = schema.as_object_mut() {
        schema.remove("default");
        if let Some(Value::Array(kinds)) = schema.get_mut("type") {
            kinds.retain(|it| it != "null");
        }
    }
    schema
}

fn in_path(path: &str) -> Value {
    let (about, schema) = match path.contains("events") {
        true => ("The event's place in the queue", json!({"type": "integer", "minimum": 0})),
        false => ("The delegation", json!({"type": "string", "pattern": "^deleg_[0-9a-f]{32}$"})),
    };
    json!({"name": "id", "in": "path", "required": true, "description": about, "schema": schema})
}

fn repeat_key() -> Value {
    json!({
        "name": "Idempotency-Key", "in": "header",
        "description": "Made up by the caller: the same call with the same key gives the handle \
                        of the first, for a day",
        "schema": {"type": "string", "minLength": 1, "maxLength": 255},
    })
}

fn trace() -> Value {
    json!({
        "name": "traceparent", "in": "header",
        "description": "Where the caller is in which trace (W3C Trace Context); what can't be \
                        read is ignored",
        "schema": {"type": "string"},
    })
}

fn delegations(paths: &mut Paths) {
    let dispatch = Call {
        id: "dispatch",
        summary: "Delegates in the background: answers with a handle at once",
        parameters: vec![repeat_key(), trace()],
        body: paths.body::<wire::Dispatch>(true),
        status: 202,
        answer: paths.json::<wire::Dispatched>(),
    };
    paths.add("post", "/v1/delegations", dispatch);
    let list = Call {
        id: "list",
        summary: "Lists those that run, and the newest that ended",
        parameters: paths.query::<Listed>(),
        body: None,
        status: 200,
        answer: paths.json::<wire::Delegations>(),
    };
    paths.add("get", "/v1/delegations", list);
    let show = Call {
        id: "show",
        summary: "Shows one, with the results so far",
        parameters: Vec::new(),
        body: None,
        status: 200,
        answer: paths.json::<wire::Delegation>(),
    };
    paths.add("get", "/v1/delegations/{id}", show);
    let stop = Call {
        id: "stop",
        summary: "Asks one to stop, or one child of it",
        parameters: Vec::new(),
        body: paths.body::<wire::Stop>(false),
        status: 200,
        answer: paths.json::<wire::Done>(),
    };
    paths.add("post", "/v1/delegations/{id}/stop", stop);
    let ack = Call {
        id: "acknowledge_delegation",
        summary: "Acknowledges all events of one that has ended, whose results were read by its id",
        parameters: Vec::new(),
        body: None,
        status: 200,
        answer: paths.json::<wire::Done>(),
    };
    paths.add("post", "/v1/delegations/{id}/ack", ack);
    let steer = Call {
        id: "steer",
        summary: "Tells a child something while it works",
        parameters: Vec::new(),
        body: paths.body::<wire::Steer>(true),
        status: 200,
        answer: paths.json::<wire::Done>(),
    };
    paths.add("post", "/v1/delegations/{id}/steer", steer);
    let follow_up = Call {
        id: "follow_up",
        summary: "Goes on where a child has ended: a new one gets its task, its report, and more",
        parameters: vec![repeat_key(), trace()],
        body: paths.body::<wire::FollowUp>(true),
        status: 202,
        answer: paths.json::<wire::Dispatched>(),
    };
    paths.add("post", "/v1/delegations/{id}/follow-up", follow_up);
    let log = Call {
        id: "log",
        summary: "Reads what a child has written into its log so far",
        parameters: paths.query::<Logged>(),
        body: None,
        status: 200,
        answer: paths.json::<wire::Log>(),
    };
    paths.add("get", "/v1/delegations/{id}/log", log);
}

fn events(paths: &mut Paths) {
    let claim = Call {
        id: "claim",
        summary: "Claims the next events of a session, and waits for one if it is to",
        parameters: paths.query::<Wanted>(),
        body: None,
        status: 200,
        answer: paths.json::<wire::Claims>(),
    };
    paths.add("get", "/v1/events", claim);
    for (how, summary) in [
        ("ack", "Says that an event was applied: it is over"),
        ("release", "Puts an event back where it was: its consumer is busy"),
        ("retry", "Says that an attempt failed: the event is offered again after a pause"),
        ("prolong", "Begins the lease anew: applying the event takes longer"),
    ] {
        let settle = Call {
            id: how,
            summary,
            parameters: Vec::new(),
            body: paths.body::<wire::Settle>(false),
            status: 200,
            answer: paths.json::<wire::Done>(),
        };
        paths.add("post", &format!("/v1/events/{{id}}/{how}"), settle);
    }
}

fn rest(paths: &mut Paths) {
    let stream = Call {
        id: "stream",
        summary: "Server-sent events: progress, and events of the queue with their ids, which \
                  `Last-Event-ID` resumes",
        parameters: paths.query::<Watched>(),
        body: None,
        status: 200,
        answer: ("text/event-stream", json!({"type": "string"})),
    };
    paths.add("get", "/v1/stream", stream);
    let tools = Call {
        id: "tools",
        summary: "Lists the tools that can be granted",
        parameters: paths.query::<There>(),
        body: None,
        status: 200,
        answer: paths.json::<wire::Tools>(),
    };
    paths.add("get", "/v1/tools", tools);
    let metrics = Call {
        id: "metrics",
        summary: "Counters for Prometheus",
        parameters: Vec::new(),
        body: None,
        status: 200,
        answer: ("application/openmetrics-text", json!({"type": "string"})),
    };
    paths.add("get", "/metrics", metrics);
    let health = Call {
        id: "health",
        summary: "Says that the service records what it is asked; needs no token",
        parameters: Vec::new(),
        body: None,
        status: 200,
        answer: ("text/plain", json!({"type": "string"})),
    };
    paths.add("get", "/healthz", health);
    // The only one that needs no token.
    if let Some(health) = paths.paths.get_mut("/healthz").and_then(|it| it.get_mut("get")) {
        health["security"] = json!([]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::published;

    #[test]
    fn the_published_document_is_that_of_the_routes() {
        published::check("openapi.json", &document());
    }

    #[test]
    fn every_schema_that_is_named_is_there() {
        let document = document();
        let text = document.to_string();
        let named = text.split("\"$ref\":\"#/components/schemas/").skip(1);
        for name in named.filter_map(|it| it.split('"').next()) {
            assert!(document["components"]["schemas"].get(name).is_some(), "{name}");
        }
    }
}
