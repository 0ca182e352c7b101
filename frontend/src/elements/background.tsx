import { Fragment } from "./fragment";

export const Background = Fragment;
