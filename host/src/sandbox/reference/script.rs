//! One script: its directives in order, and what came of each.

use std::collections::HashMap;

use tokio::runtime::{Builder, Runtime};
use wasmtime::{
    Engine, Module, Store,
    component::{Component, Instance, Linker, Val, types::ComponentItem},
};
use wast::{
    QuoteWat, Wast, WastDirective, WastExecute, WastInvoke, WastRet, Wat,
    parser::{ParseBuffer, parse},
};

use super::{given, value};

/// What came of a directive.
#[derive(Debug)]
pub(super) enum Came {
    AsItSays,
    /// Its component was not taken, because of a part of the standard that is
    /// turned off: this one.
    Refused(&'static str),
    /// It is about one that was refused.
    Behind,
    Otherwise(String),
}

/// Ticks of the clock until a guest is cut off: ten seconds.
const PATIENCE: u64 = 1_000;

/// Parts of the standard that are turned off, by what the validator says.
const TURNED_OFF: &[(&str, &str)] = &[
    ("component model async feature", "async"),
    ("component model threading feature", "threads of components"),
    ("component model error-context feature", "error contexts"),
    ("component model map feature", "maps"),
    ("component model fixed-length lists feature", "lists of a fixed length"),
    ("`cm-implements` feature", "implements"),
    ("`cm-gc` feature", "garbage collection"),
    ("gc types are disallowed", "garbage collection"),
    ("`cm64` feature", "memory64"),
    ("memory64 must be enabled", "memory64"),
    ("threads must be enabled", "threads"),
    ("exceptions proposal not enabled", "exceptions"),
];

/// Each with its line.
pub(super) fn run(engine: &Engine, text: &str) -> Vec<(usize, Came)> {
    let buffer = ParseBuffer::new(text).unwrap();
    let script = match parse::<Wast<'_>>(&buffer) {
        Ok(it) => it,
        Err(mut err) => {
            err.set_text(text);
            return vec![(err.span().linecol_in(text).0 + 1, Came::Otherwise(err.to_string()))];
        }
    };
    let mut player = Player::new(engine);
    let play = |it: WastDirective<'_>| {
        let line = it.span().linecol_in(text).0 + 1;
        (line, player.play(it))
    };
    script.directives.into_iter().map(play).collect()
}

struct Player {
    runtime: Runtime,
    linker: Linker<()>,
    /// Those that a script only defines; `None` when it was refused.
    defined: HashMap<Option<String>, Option<Component>>,
    current: Current,
}

/// What is called.
enum Current {
    Nothing,
    Refused,
    Instance(Store<()>, Instance),
}

/// A definition that was read: or why not.
enum Read {
    Component(Component),
    /// A module alone.
    Module,
    Refused(&'static str),
    Invalid(String),
}

impl Player {
    fn new(engine: &Engine) -> Self {
        let mut linker = Linker::new(engine);
        linker.allow_shadowing(true);
        given::link(&mut linker).unwrap();
        let runtime = Builder::new_current_thread().build().unwrap();
        Self { runtime, linker, defined: HashMap::new(), current: Current::Nothing }
    }

    fn play(&mut self, directive: WastDirective<'_>) -> Came {
        match directive {
            WastDirective::Module(mut it) => self.made_and_started(&mut it),
            WastDirective::ModuleDefinition(mut it) => self.defined(&mut it),
            WastDirective::ModuleInstance { instance, module, .. } => {
                let key = module.map(|it| it.name().to_owned());
                match self.defined.get(&key).cloned() {
                    Some(Some(it)) => self.start(&it, instance.map(|it| it.name())),
                    Some(None) => self.behind(),
                    None => Came::Otherwise(format!("nothing is named {key:?}")),
                }
            }
            WastDirective::AssertMalformed { mut module, message, .. }
            | WastDirective::AssertInvalid { mut module, message, .. } => {
                self.is_invalid(&mut module, message)
            }
            WastDirective::AssertUnlinkable { module, message, .. } => {
                self.does_not_start(module, message)
            }
            WastDirective::AssertTrap { exec: WastExecute::Wat(module), message, .. } => {
                self.does_not_start(module, message)
            }
            WastDirective::AssertTrap { exec: WastExecute::Invoke(call), message, .. } => {
                match self.call(&call) {
                    None => Came::Behind,
                    Some(Ok(given)) => Came::Otherwise(format!("no trap, but {given:?}")),
                    Some(Err(why)) => says(&why, message),
                }
            }
            WastDirective::AssertReturn { exec: WastExecute::Invoke(call), results, .. } => {
                self.returns(&call, &results)
            }
            WastDirective::Invoke(call) => self.returns(&call, &[]),
            other => Came::Otherwise(format!("not known: {other:?}")),
        }
    }

    fn made_and_started(&mut self, it: &mut QuoteWat<'_>) -> Came {
        let name = it.name().map(|it| it.name().to_owned());
        match self.read(it) {
            Read::Component(component) => {
                let came = self.start(&component, name.as_deref());
                self.defined.insert(name, Some(component));
                came
            }
            Read::Refused(why) => {
                self.defined.insert(name, None);
                self.current = Current::Refused;
                Came::Refused(why)
            }
            Read::Module => Came::Otherwise("a module alone".to_owned()),
            Read::Invalid(why) => Came::Otherwise(why),
        }
    }

    fn defined(&mut self, it: &mut QuoteWat<'_>) -> Came {
        let name = it.name().map(|it| it.name().to_owned());
        let (component, came) = match self.read(it) {
            Read::Component(it) => (Some(it), Came::AsItSays),
            Read::Module => (None, Came::AsItSays),
            Read::Refused(why) => (None, Came::Refused(why)),
            Read::Invalid(why) => (None, Came::Otherwise(why)),
        };
        self.defined.insert(name, component);
        came
    }

    fn behind(&mut self) -> Came {
        self.current = Current::Refused;
        Came::Behind
    }

    /// What the text stands for, as far as the validator takes it.
    fn read(&self, it: &mut QuoteWat<'_>) -> Read {
        let bytes = match it.encode() {
            Ok(it) => it,
            Err(err) => return Read::Invalid(err.message()),
        };
        let is_component = bytes.get(4..8) == Some(&[13, 0, 1, 0]);
        let read = if is_component {
            Component::new(self.linker.engine(), &bytes).map(Read::Component)
        } else {
            Module::new(self.linker.engine(), &bytes).map(|_| Read::Module)
        };
        read.unwrap_or_else(|err| {
            let why = format!("{err:?}");
            match TURNED_OFF.iter().find(|(says, _)| why.contains(says)) {
                Some((_, part)) => Read::Refused(part),
                None => Read::Invalid(why),
            }
        })
    }

    fn is_invalid(&self, it: &mut QuoteWat<'_>, message: &str) -> Came {
        match self.read(it) {
            Read::Component(_) | Read::Module => Came::Otherwise("it is valid".to_owned()),
            Read::Refused(why) => Came::Refused(why),
            Read::Invalid(why) => says(&why, message),
        }
    }

    fn does_not_start(&self, it: Wat<'_>, message: &str) -> Came {
        match self.read(&mut QuoteWat::Wat(it)) {
            Read::Component(component) => match self.instance(&component) {
                Ok(_) => Came::Otherwise("it starts".to_owned()),
                Err(why) => says(&why, message),
            },
            Read::Module => Came::Otherwise("a module alone".to_owned()),
            Read::Refused(why) => Came::Refused(why),
            Read::Invalid(why) => Came::Otherwise(why),
        }
    }

    fn start(&mut self, component: &Component, name: Option<&str>) -> Came {
        // Its place in the pool is free before the next one takes it.
        self.current = Current::Nothing;
        match self.instance(component) {
            Ok((mut store, instance)) => {
                if let Some(name) = name {
                    self.offer(name, component, &mut store, instance);
                }
                self.current = Current::Instance(store, instance);
                Came::AsItSays
            }
            Err(why) => Came::Otherwise(why),
        }
    }

    fn instance(&self, component: &Component) -> Result<(Store<()>, Instance), String> {
        let mut store = Store::new(self.linker.engine(), ());
        store.set_epoch_deadline(PATIENCE);
        let instance = self.linker.instantiate_async(&mut store, component);
        match self.runtime.block_on(instance) {
            Ok(it) => Ok((store, it)),
            Err(err) => Err(format!("{err:?}")),
        }
    }

    /// Its modules and resources, for those that import it by its name.
    fn offer(&mut self, name: &str, it: &Component, store: &mut Store<()>, instance: Instance) {
        let engine = self.linker.engine().clone();
        let mut linker = self.linker.instance(name).unwrap();
        for (name, item) in it.component_type().exports(&engine) {
            match item.ty {
                ComponentItem::Module(_) => {
                    let module = instance.get_module(&mut *store, name).unwrap();
                    linker.module(name, &module).unwrap();
                }
                ComponentItem::Resource(_) => {
                    let resource = instance.get_resource(&mut *store, name).unwrap();
                    linker.resource(name, resource, |_, _| Ok(())).unwrap();
                }
                _ => (),
            }
        }
    }

    /// `None` when what it calls was refused.
    fn call(&mut self, call: &WastInvoke<'_>) -> Option<Result<Vec<Val>, String>> {
        let (store, instance) = match &mut self.current {
            Current::Instance(store, instance) => (store, instance),
            Current::Refused => return None,
            Current::Nothing => return Some(Err("there is no instance".to_owned())),
        };
        let Some(function) = instance.get_func(&mut *store, call.name) else {
            return Some(Err(format!("there is no `{}`", call.name)));
        };
        let arguments: Vec<Val> = call.args.iter().map(value::argument).collect();
        let mut results = vec![Val::Bool(false); function.ty(&*store).results().len()];
        let called = function.call_async(&mut *store, &arguments, &mut results);
        let called = self.runtime.block_on(called);
        Some(called.map(|()| results).map_err(|err| format!("{err:?}")))
    }

    fn returns(&mut self, call: &WastInvoke<'_>, results: &[WastRet<'_>]) -> Came {
        let expected: Vec<Val> = results.iter().map(value::result).collect();
        match self.call(call) {
            None => Came::Behind,
            Some(Ok(given)) if given == expected => Came::AsItSays,
            Some(Ok(given)) => Came::Otherwise(format!("not {expected:?}, but {given:?}")),
            Some(Err(why)) => Came::Otherwise(why),
        }
    }
}

fn says(why: &str, message: &str) -> Came {
    if why.contains(message) {
        return Came::AsItSays;
    }
    Came::Otherwise(format!("not with `{message}`, but: {why}"))
}
