// Each widget: its accessible name, its role, what it sends.
import { cleanup, fireEvent, screen } from "@testing-library/preact";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Button } from "../src/elements/button";
import { Checkbox } from "../src/elements/checkbox";
import { Form } from "../src/elements/form";
import { Multiselect } from "../src/elements/multiselect";
import { NumberInput } from "../src/elements/number_input";
import { Radio } from "../src/elements/radio";
import { Selectbox } from "../src/elements/selectbox";
import { Slider } from "../src/elements/slider";
import { TextArea } from "../src/elements/text_area";
import { TextInput } from "../src/elements/text_input";
import { LabelVisibility } from "../src/protocol/dec/deltas";
import { Slider_Type } from "../src/protocol/dec/elements/slider";
import type { TreeNode } from "../src/tree/page_tree";
import { readNumber } from "../src/ui/number_draft";
import { field } from "./build_nodes";
import { makeNode, TestPage } from "./render_element";

let page: TestPage;
beforeEach(() => {
  page = new TestPage();
});
afterEach(cleanup);

const input = <E extends HTMLElement = HTMLInputElement>(role: string, name: string) =>
  screen.getByRole(role, { name }) as E;
const typeInto = (element: HTMLElement, value: string) => fireEvent.input(element, { target: { value } });
const slider = { field: field("Heat"), min: 0, max: 100, step: 1, type: Slider_Type.INT, range: false, format: "" };
const textInput = {
  field: field("Name"),
  placeholder: "",
  maxChars: 0,
  password: false,
  autocomplete: "",
  live: false,
};
const numberInput = {
  field: field("Weight"),
  min: undefined,
  max: 10,
  step: 0.5,
  integer: false,
  format: "",
  placeholder: "",
  clearable: false,
};
const selectbox = {
  field: field("City"),
  options: ["Bern", "Zürich", "Genf"],
  placeholder: "Choose",
  clearable: true,
  acceptNewOptions: false,
};
const multiselect = {
  field: field("Letters"),
  options: ["x", "y", "z"],
  placeholder: "",
  maxSelections: 2,
  acceptNewOptions: true,
};
const button = { field: field("Go"), style: "primary", submit: false, icon: "" };

describe("slider", () => {
  it("sends while it moves: one value in flight, then the newest", () => {
    page.draw(Slider, slider, { $case: "numbers", value: { items: [10] } });
    const thumb = input("slider", "Heat");
    for (const value of ["11", "12", "13"]) typeInto(thumb, value);
    expect(page.changes).toEqual([["w", [11]]]);
    fireEvent.change(thumb);
    expect(page.changes).toEqual([
      ["w", [11]],
      ["w", [13]],
    ]);
  });

  it("shows dates as dates", () => {
    const day = 86_400_000;
    page.draw(
      Slider,
      { ...slider, type: Slider_Type.DATE, max: 365 * day, step: day, format: "YYYY-MM-DD" },
      { $case: "numbers", value: { items: [31 * day] } },
    );
    expect(input("slider", "Heat").getAttribute("aria-valuetext")).toBe("1970-02-01");
  });

  it("keeps the two ends of a range in order", () => {
    page.draw(Slider, { ...slider, range: true }, { $case: "numbers", value: { items: [20, 40] } });
    typeInto(input("slider", "Heat (from)"), "70");
    expect(page.changes).toEqual([["w", [40, 40]]]);
  });
});

describe("text", () => {
  it("is sent by Enter or when the field is left, not before", () => {
    page.draw(TextInput, textInput, { $case: "text", value: "Ada" });
    const box = input("textbox", "Name");
    expect(box.value).toBe("Ada");
    typeInto(box, "Bob");
    expect(page.changes).toEqual([]);
    fireEvent.keyDown(box, { key: "Enter" });
    typeInto(box, "Eve");
    fireEvent.blur(box);
    fireEvent.blur(box);
    expect(page.changes).toEqual([
      ["w", "Bob"],
      ["w", "Eve"],
    ]);
  });

  it("is sent at each key where the script wants it live", () => {
    page.draw(TextInput, { ...textInput, live: true });
    typeInto(input("textbox", "Name"), "B");
    expect(page.changes).toEqual([["w", "B"]]);
  });

  it("is known to the page while it is typed, unless it is a password", () => {
    page.draw(TextInput, textInput);
    typeInto(screen.getByLabelText("Name"), "Bo");
    expect(page.values.typed.get("w")).toBe("Bo");
    fireEvent.blur(screen.getByLabelText("Name"));
    expect(page.values.typed.size).toBe(0);
    cleanup();
    page.draw(TextInput, { ...textInput, password: true });
    typeInto(screen.getByLabelText("Name"), "secret");
    expect(page.values.typed.size).toBe(0);
  });

  it("has its name though the label is collapsed", () => {
    page.draw(TextInput, { ...textInput, field: field("Name", { visibility: LabelVisibility.COLLAPSED }) });
    expect(input("textbox", "Name")).toBeTruthy();
    expect(screen.queryByText("Name")).toBeNull();
  });

  it("of several lines is sent by Ctrl+Enter", () => {
    page.draw(TextArea, { field: field("Notes"), placeholder: "", maxChars: 0, height: 0 });
    const box = input<HTMLTextAreaElement>("textbox", "Notes");
    typeInto(box, "a\nb");
    fireEvent.keyDown(box, { key: "Enter" });
    expect(page.changes).toEqual([]);
    fireEvent.keyDown(box, { key: "Enter", ctrlKey: true });
    expect(page.changes).toEqual([["w", "a\nb"]]);
  });
});

describe("number input", () => {
  it("takes commas, steps and limits", () => {
    page.draw(NumberInput, numberInput, { $case: "number", value: 1 });
    const box = input("spinbutton", "Weight");
    expect(box.value).toBe("1.0");
    typeInto(box, "2,5");
    fireEvent.keyDown(box, { key: "Enter" });
    fireEvent.keyDown(box, { key: "ArrowUp" });
    fireEvent.click(screen.getByRole("button", { name: "Decrease: Weight" }));
    typeInto(box, "99");
    fireEvent.blur(box);
    expect(page.changes.map(([, value]) => value)).toEqual([2.5, 3, 2.5, 10]);
    expect(box.getAttribute("aria-valuenow")).toBe("10");
  });

  it("falls back where nothing valid is typed, and may be empty only if clearable", () => {
    page.draw(NumberInput, numberInput, { $case: "number", value: 1 });
    const box = input("spinbutton", "Weight");
    for (const typed of ["abc", ""]) {
      typeInto(box, typed);
      fireEvent.blur(box);
    }
    expect(page.changes).toEqual([]);
    cleanup();
    page.draw(NumberInput, { ...numberInput, clearable: true }, { $case: "number", value: 1 });
    typeInto(input("spinbutton", "Weight"), "");
    fireEvent.blur(input("spinbutton", "Weight"));
    expect(page.changes).toEqual([["w", null]]);
  });

  it.each([
    ["1,234.5", 1234.5],
    ["1.234,5", 1234.5],
    ["1,234,567", 1234567],
    ["3,5", 3.5],
    ["-2", -2],
    ["1e3", 1000],
    ["x", undefined],
  ])("reads %s", (typed, value) => expect(readNumber(typed)).toBe(value));
});

describe("choices", () => {
  it("checkbox and toggle", () => {
    page.draw(Checkbox, { field: field("I agree"), toggle: false }, { $case: "flag", value: true });
    fireEvent.click(input("checkbox", "I agree"));
    cleanup();
    page.draw(Checkbox, { field: field("Live"), toggle: true }, { $case: "flag", value: false });
    fireEvent.click(input("switch", "Live"));
    expect(page.changes.map(([, value]) => value)).toEqual([false, true]);
  });

  it("radio", () => {
    page.draw(
      Radio,
      { field: field("Pick"), options: ["a", "b"], captions: [], horizontal: false },
      { $case: "text", value: "a" },
    );
    expect(screen.getByRole("group", { name: "Pick" })).toBeTruthy();
    expect(input("radio", "a").checked).toBe(true);
    fireEvent.click(input("radio", "b"));
    expect(page.changes).toEqual([["w", "b"]]);
  });

  it("selectbox searches without accents and is driven by keys", () => {
    page.draw(Selectbox, selectbox, { $case: "text", value: "Bern" });
    const box = input("combobox", "City");
    expect(box.value).toBe("Bern");
    typeInto(box, "zur");
    expect(screen.getAllByRole("option").map((option) => option.textContent)).toEqual(["Zürich"]);
    fireEvent.keyDown(box, { key: "Enter" });
    expect(box.getAttribute("aria-expanded")).toBe("false");
    fireEvent.keyDown(box, { key: "ArrowDown" });
    fireEvent.keyDown(box, { key: "ArrowDown" });
    expect(box.getAttribute("aria-activedescendant")).toBe(screen.getByRole("option", { name: "Genf" }).id);
    fireEvent.keyDown(box, { key: "Escape" });
    fireEvent.click(screen.getByRole("button", { name: "Clear: City" }));
    expect(page.changes.map(([, value]) => value)).toEqual(["Zürich", null]);
  });

  it("selectbox draws only the options in sight", () => {
    page.draw(Selectbox, { ...selectbox, options: Array.from({ length: 20_000 }, (_, i) => `Option ${i}`) });
    fireEvent.keyDown(input("combobox", "City"), { key: "ArrowDown" });
    expect(screen.getAllByRole("option").length).toBeLessThan(40);
  });

  it("multiselect adds, takes new options, removes, and stops at its limit", () => {
    page.draw(Multiselect, multiselect, { $case: "texts", value: { items: ["x"] } });
    const box = input("combobox", "Letters");
    typeInto(box, "new");
    fireEvent.keyDown(box, { key: "Enter" });
    expect(screen.queryByRole("option")).toBeNull();
    fireEvent.click(screen.getByRole("button", { name: "Remove x" }));
    fireEvent.keyDown(box, { key: "Backspace" });
    expect(page.changes.map(([, value]) => value)).toEqual([["x", "new"], ["new"], []]);
  });
});

describe("buttons and forms", () => {
  it("each click is an event of its own", () => {
    page.draw(Button, button);
    fireEvent.click(input("button", "Go"));
    fireEvent.click(input("button", "Go"));
    expect(page.sent).toHaveLength(2);
    expect(page.sent.map(({ seq }) => seq)).toEqual([1, 2]);
  });

  function drawForm(enterToSubmit: boolean) {
    const parts: Record<string, () => preact.ComponentChild> = {};
    const child = (id: string, draw: (node: TreeNode) => preact.ComponentChild) => {
      const node = makeNode(id);
      parts[id] = () => draw(node);
      return node;
    };
    const children = [
      child("name", (node) => <TextInput node={node} props={textInput} />),
      child("heat", (node) => <Slider node={node} props={slider} />),
      child("send", (node) => <Button node={node} props={{ ...button, field: field("Send"), submit: true }} />),
    ];
    const drawing = { Node: ({ node }: { node: TreeNode }) => parts[node.widgetId]?.(), propsOf: () => ({}) };
    page.show(
      <Form node={makeNode("", children)} props={{ formId: "f", border: true, enterToSubmit, clearOnSubmit: false }} />,
      drawing,
    );
  }

  it("a form sends its changed fields with the click, in one message", () => {
    drawForm(false);
    typeInto(input("textbox", "Name"), "Zed");
    typeInto(input("slider", "Heat"), "7");
    fireEvent.keyDown(input("textbox", "Name"), { key: "Enter" });
    expect(page.sent).toEqual([]);
    fireEvent.click(input("button", "Send"));
    fireEvent.click(input("button", "Send"));
    expect(page.sent).toHaveLength(2);
    expect(page.changes).toEqual([
      ["name", "Zed"],
      ["heat", [7]],
      ["send", true],
      ["send", true],
    ]);
  });

  it("Enter in a field submits where the script wants it", () => {
    drawForm(true);
    typeInto(input("textbox", "Name"), "Zed");
    fireEvent.keyDown(input("textbox", "Name"), { key: "Enter" });
    expect(page.changes).toEqual([
      ["name", "Zed"],
      ["send", true],
    ]);
  });

  it("nothing can be changed on a read-only page", () => {
    page.readOnly.value = true;
    page.draw(Button, button);
    expect(input<HTMLButtonElement>("button", "Go").disabled).toBe(true);
  });
});
