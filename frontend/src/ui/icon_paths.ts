// The client's own few icons, drawn in a box of 16 units with the text's colour.
export const PATHS = {
  alert: "M8 4.5v4.2M8 11.3v.2M8 1.8 14.7 13.5H1.3Z",
  check: "m3.5 8.5 3 3 6-7",
  chevron: "m4.5 6.25 3.5 3.5 3.5-3.5",
  copy: "M5.5 5.5v-2a1 1 0 0 1 1-1h6a1 1 0 0 1 1 1v6a1 1 0 0 1-1 1h-2M3.5 5.5h6a1 1 0 0 1 1 1v6a1 1 0 0 1-1 1h-6a1 1 0 0 1-1-1v-6a1 1 0 0 1 1-1Z",
  close: "m4.25 4.25 7.5 7.5m0-7.5-7.5 7.5",
  dots: "M8 3.5v.01M8 8v.01M8 12.5v.01",
  eye: "M1.5 8S4 3.75 8 3.75 14.5 8 14.5 8 12 12.25 8 12.25 1.5 8 1.5 8ZM8 9.75a1.75 1.75 0 1 0 0-3.5 1.75 1.75 0 0 0 0 3.5Z",
  info: "M8 7.5v4M8 4.7v.1M8 14.25A6.25 6.25 0 1 0 8 1.75a6.25 6.25 0 0 0 0 12.5Z",
  minus: "M3.5 8h9",
  panel: "M6 3v10M3.25 2.75h9.5a1 1 0 0 1 1 1v8.5a1 1 0 0 1-1 1h-9.5a1 1 0 0 1-1-1v-8.5a1 1 0 0 1 1-1Z",
  plus: "M8 3.5v9M3.5 8h9",
  stop: "M4.5 4.5h7v7h-7Z",
};
