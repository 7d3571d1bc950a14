//! Prints the JSON Schema of workspace documents: `cargo run -p nanami-model --example schema > docs/workspace.schema.json`.

#![expect(clippy::disallowed_macros, reason = "an example is a program: it prints, the model does not")]
fn main() {
    print!("{}", nanami_model::document_schema());
}
