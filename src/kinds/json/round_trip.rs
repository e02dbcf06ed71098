//! Whatever is written is read back as the same data.

#![allow(clippy::unwrap_used, clippy::panic)]

use proptest::prelude::*;

use super::links::Named;
use super::read::read;
use super::tape::{Kind, Tape};
use super::text;
use super::write::Writer;

/// A spelling in which equal data are equal texts: no white space, escapes decoded.
fn canonical(json: &str) -> String {
    let tape = Tape::parse(json).unwrap_or_else(|| panic!("not JSON: {json}"));
    let mut out = String::new();
    for root in tape.elements(0) {
        write_canonical(&tape, root, &mut out);
        out.push('\n');
    }
    out
}

fn write_canonical(tape: &Tape<'_>, id: u32, out: &mut String) {
    match tape.kind(id) {
        Kind::Object => {
            out.push('{');
            for (key, value) in tape.members(id) {
                text::write_quoted(out, tape.inner(key));
                out.push(':');
                write_canonical(tape, value, out);
                out.push(',');
            }
            out.push('}');
        }
        Kind::Array => {
            out.push('[');
            for value in tape.elements(id) {
                write_canonical(tape, value, out);
                out.push(',');
            }
            out.push(']');
        }
        Kind::String => text::write_quoted(out, tape.inner(id)),
        Kind::Number | Kind::Word => out.push_str(tape.raw(id)),
    }
}

fn check(json: &str) -> String {
    let tape = Tape::parse(json).unwrap_or_else(|| panic!("not JSON: {json}"));
    let Some(written) = Writer::new(&tape, &Named::default(), None).document() else { return String::new() };
    let body = written.text;
    let back = read(&body).unwrap_or_else(|| panic!("cannot read\n{body}\nfrom\n{json}"));
    assert_eq!(canonical(&back), canonical(json), "by way of\n{body}");
    body
}

#[test]
fn fields_of_one_path_are_not_named() {
    check(r#"[{"": {}},{},{"null": "a","": {"a": "a","null": "a"}},{"": {}}]"#);
    check(
        r#"[{"a.b": {"c": 1}, "a": {"b": {"c": 2}}}, {"a.b": {}, "a": {"b": {}}}, {"a": {"b": {"c": 3}}}]"#,
    );
}

#[test]
fn a_default_that_is_no_string_stays_none() {
    let record = r#"{"a":true},{"a":true},{"a":"1"},{"a":true},{"a":"1"}"#;
    check(&format!("[{}]", [record; 20].join(",")));
}

#[test]
fn tables_state_keys_once() {
    let body = check(
        r#"[{"id":1,"name":"ab","ok":true,"o":{"x":"p","y":1.10}},{"id":2,"name":"cd","ok":true,"o":{"x":"q","y":2}},
           {"id":3,"name":"","ok":true,"o":null},{"id":4,"name":"e,f","ok":true,"extra":[1,2]},
           {"id":5,"name":"7","ok":false,"o":{"y":2,"x":"r"}}]"#,
    );
    assert_eq!(
        body,
        "[5]{id,name,ok=true,extra?,o?{x,y}}:\n1,ab,p,1.10\n2,cd,q,2\n3,,~\n4,\"e,f\",!,extra=[1,2]\n5,\"7\",={y:2,x:r},ok=false"
    );
}

#[test]
fn inner_arrays_and_maps_share_a_header() {
    check(
        r#"[{"t":[{"k":"a","v":"b"},{"k":"c","v":"d"}]},{"t":[]},{"t":[{"k":"","v":""}]},{"t":null},{"t":[1,{"k":"x","v":"y"}]}]"#,
    );
    check(
        r#"{"a":{"type":"s","d":"x, y"},"b":{"type":"s","d":"z"},"c d":{"type":"n","d":"w","e":[1]},"":{"type":"s","d":""}}"#,
    );
    check(r#"[[{"k":1,"z":"longer text"},{"k":2,"z":"longer text"}],[{"k":2,"z":"another text"}],[]]"#);
    check("{\"a\":1,\"b\":\"x\"}\n{\"a\":2,\"b\":\"y\"}\n{\"a\":3,\"b\":\"z\"}");
}

#[test]
fn records_of_several_kinds_have_columns_of_their_own() {
    let chat = |rest: &str| format!(r#"{{"cost":{rest},"mode":"chat","tools":true,"vision":true}}"#);
    let image = |cost: u32| {
        format!(r#"{{"mode":"image","size":"x","url":"u","cost":{cost},"vision":false,"tools":true}}"#)
    };
    let body = check(&format!(
        r#"{{"big model":{},"a,b":{},"a,b":{},"odd":[],"e":{{}},"C":{},"":{},"D":{{"vision":true,"vision":1}}}}"#,
        chat("2.5e-06"),
        image(1),
        chat("1E5"),
        image(2),
        image(3),
    ));
    assert_eq!(
        body,
        "{8}A{cost,mode=chat,tools=true,vision=true}\nB{mode=image,size=x,url=u,cost,vision=false,tools=true}:\n\
         big model:A,2.5e-06\n\"a,b\":B,1\n\"a,b\":A,1E5\nodd:==[]\ne:=={}\nC:B,2\n\"\":B,3\n\
         D:=={vision:true,vision:1}"
    );
    // A row that differs in nothing is a letter; lines and arrays are read so too.
    let [a, b] = [chat("1"), image(1)];
    assert!(check(&[&*a, &b, &b, &a, &b, &a].join("\n")).ends_with(":\nA\nB\nB\nA\nB\nA"));
    assert!(check(&format!("[{}]", [&*a, &b, &b, &a, &b, &a].join(","))).ends_with("A\nB\nB\nA\nB\nA"));
}

#[test]
fn odd_strings_and_keys_survive() {
    for s in [
        "…",
        "[… 3 lines 1-3]",
        "-",
        "~",
        "!",
        "=",
        "==",
        "a=b",
        "a;b",
        "a]b",
        "{",
        "\\\"",
        "\\n",
        "null",
        "1e5",
        "\\ud800",
    ] {
        check(&format!(
            "[{{\"{s}\":\"{s}\",\"b\":\"{s}\"}},{{\"{s}\":\"{s}\",\"b\":1}},{{\"{s}\":\"x\",\"b\":\"2\"}}]"
        ));
        check(&format!("{{\"{s}\":[[\"{s}\"],{{\"{s}\":\"{s}\"}}]}}"));
    }
    check(r#"[{"a.b":1,"a":{"b":2}},{"a.b":1,"a":{"b":3}},{"a.b":1,"a":{"b":2}}]"#);
    check(r#"[{},{},{}]"#);
    check(r#"[{"a":""},{"a":""},{"a":"x"}]"#);
    check(r#"[{"t":[]},{"t":[{"a":1}]},{"t":[{"a":1}]},{"t":[{}]},{"t":[{},{}]}]"#);
}

#[test]
fn addresses_follow_from_names() {
    let row = |login: &str, id: u32, extra: &str| {
        format!(
            r#"{{"login":"{login}","id":{id},"url":"https://api.example.com/users/{login}","f":"https://api.example.com/users/{login}/f{{/x}}","n":"https://example.com/{id}?v=4","repo":{extra},"count":{id}}}"#
        )
    };
    let json = format!(
        "[{},{},{},{}]",
        row("alice", 101, r#"{"name":"r1","url":"https://api.example.com/repos/alice/r1"}"#),
        row("bob", 102, r#"{"name":"r2","url":"https://api.example.com/repos/bob/r2"}"#),
        row("carol", 103, "null"),
        row("dave", 104, r#"{"name":"r4","url":"https://other.example.com/r4"}"#),
    );
    let body = check(&json);
    let header = body.lines().next().unwrap();
    assert_eq!(
        header,
        r#"[4]{login,id,url=f"https://api.example.com/users/{login}",f=f"{url}/f{{/x}}",n=f"https://example.com/{id}?v=4",repo?{name,url=f"https://api.example.com/repos/{login}/{name}"},count==id}:"#
    );
    assert_eq!(body.lines().nth(4), Some("dave,104,r4,repo.url=https://other.example.com/r4"));
}

#[test]
fn json_in_strings_is_written_as_json() {
    let inner = r#"{"rows":[{"id":1,"name":"a \"b\""},{"id":2,"name":"c"},{"id":3,"name":"d"}],"n":1.0}"#;
    let body =
        check(&format!(r#"{{"type":"text","text":{},"more":{}}}"#, quoted(inner), quoted(&quoted(inner))));
    assert!(
        body.starts_with("{ type:text text:@{rows:[3]{id,name}:\n1,a \"b\"\n2,c\n3,d\n,n:1.0} "),
        "{body}"
    );
    check(&format!(
        "[{{\"m\":{0},\"k\":1}},{{\"m\":{0},\"k\":2}},{{\"m\":\"x\",\"k\":3}}]",
        quoted("{\n  \"alpha\": [\n    1\n  ],\n  \"b\": {}\n}")
    ));
}

#[test]
fn what_was_not_written_is_not_read() {
    for body in [
        "[2]{a}:\n1",
        "[1]{a}:\n1,2",
        "[1]{a}:\n1\n2",
        "{a:1",
        "[2]{a=1,a,c}:\n1,2\n1,2,a=3",
        "[1]{}:\n",
        "lines[1]{a}:\n1,b=2",
        "[x,]",
        "[1]A{a}:\nB,1",
        "[1]A{a}\nC{a}:\nA,1",
        "[1]A{a}:\nA1",
        "[1]A{a}:\nA,1,2",
        "@@@@@@@@@@[a]",
    ] {
        assert_eq!(read(body), None, "{body}");
    }
}

fn word() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-c]{1,2}",
        "https://x/[a-c]{1,2}/[a-c]{0,2}",
        "[ ,;:=\\[\\]{}()?~!*&@\"\\\\…é\n-]{0,3}",
        Just("1".to_owned()),
        Just("null".to_owned()),
        Just("12.50".to_owned()),
        any::<String>().prop_map(|s| s.chars().take(4).collect()),
    ]
}

fn quoted(s: &str) -> String {
    let mut out = String::new();
    text::quote(&mut out, s);
    out
}

fn json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        word().prop_map(|s| quoted(&s)),
        prop_oneof![
            Just("0"),
            Just("-1.10"),
            Just("1e5"),
            Just("1E+5"),
            Just("100"),
            Just("true"),
            Just("null"),
            Just("NaN")
        ]
        .prop_map(str::to_owned),
        Just("\"\\ud83d\"".to_owned()),
        Just(quoted("{\"a\": [\"x\", 1.0], \"b\": {\"c, d\": 2}}")),
        Just(quoted("[{\"a\":[\"x\",1.0],\"b\":{\"c\":2}},{\"a\":1}]")),
        Just("[]".to_owned()),
        Just("{}".to_owned()),
    ];
    leaf.prop_recursive(4, 60, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(|v| format!("[{}]", v.join(", "))),
            prop::collection::vec((word(), inner.clone()), 0..4).prop_map(object),
            records(inner.clone()),
            map_of_records(inner.clone()),
            records(inner),
        ]
    })
}

fn object(members: Vec<(String, String)>) -> String {
    let members: Vec<_> = members.iter().map(|(k, v)| format!("{}: {v}", quoted(k))).collect();
    format!("{{{}}}", members.join(","))
}

/// Arrays of objects that mostly share keys, with some keys missing.
fn records(value: impl Strategy<Value = String> + Clone) -> impl Strategy<Value = String> {
    (prop::collection::vec(word(), 1..4), 2..6_usize).prop_flat_map(move |(keys, rows)| {
        let cell = (prop::bool::weighted(0.85), value.clone());
        prop::collection::vec(prop::collection::vec(cell, keys.len()), rows).prop_map(move |rows| {
            let rows: Vec<_> = rows
                .into_iter()
                .map(|row| {
                    object(
                        keys.iter()
                            .cloned()
                            .zip(row)
                            .filter(|(_, (p, _))| *p)
                            .map(|(k, (_, v))| (k, v))
                            .collect(),
                    )
                })
                .collect();
            format!("[{}]", rows.join(","))
        })
    })
}

/// Maps (or arrays) of records of a few kinds, each with its own keys in its own order, some of them
/// missing, and now and then a value of another sort or an empty object.
fn map_of_records(value: impl Strategy<Value = String> + Clone) -> impl Strategy<Value = String> {
    // Long enough that stating them once is worth it.
    let name = (word(), any::<bool>()).prop_map(|(w, long)| if long { w + "_price_per_token" } else { w });
    let kinds = prop::collection::vec(prop::collection::vec(name, 1..9), 1..4);
    let scalar = prop_oneof![4 => Just("true".to_owned()), 2 => Just("1.50".to_owned()), 1 => value.clone()];
    let cells = prop::collection::vec((prop::bool::weighted(0.9), scalar), 8);
    let row = (any::<prop::sample::Index>(), cells, word(), prop::option::weighted(0.1, value));
    (kinds, prop::collection::vec(row, 3..10), any::<bool>()).prop_map(|(kinds, rows, map)| {
        let rows = rows.into_iter().map(|(kind, cells, key, odd)| {
            let keys = kind.get(&kinds).iter().cloned();
            let members = keys.zip(cells).filter(|(_, (present, _))| *present);
            (key, odd.unwrap_or_else(|| object(members.map(|(key, (_, v))| (key, v)).collect())))
        });
        if map {
            object(rows.collect())
        } else {
            format!("[{}]", rows.map(|(_, record)| record).collect::<Vec<_>>().join(","))
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, ..ProptestConfig::default() })]

    #[test]
    fn any_json_comes_back(json in json()) {
        check(&json);
    }

    #[test]
    fn any_map_of_records_comes_back(json in map_of_records(prop_oneof![
        word().prop_map(|s| quoted(&s)),
        Just("false".to_owned()),
        Just("{\"a\":{},\"b\":[true]}".to_owned()),
    ])) {
        check(&json);
    }

    #[test]
    fn reading_any_text_does_not_panic(body in "[\\[\\]{}0-3a,:;=?~!\"\n-]{0,40}") {
        let _ = read(&body);
    }
}
