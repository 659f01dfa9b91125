/** A dashboard's grid (https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html). */

/** Columns of the grid. */
const GRID_WIDTH = 24;

/** What a place on the grid shows. */
export interface Tile {
  readonly type: 'text' | 'metric' | 'alarm' | 'log';
  readonly height: number;
  readonly properties: Readonly<Record<string, unknown>>;
}

export interface Widget extends Tile {
  readonly x: number;
  readonly y: number;
  readonly width: number;
}

/** Columns of one width beside each other, each with its tiles one below the other. */
export function columns(top: number, tiles: readonly (readonly Tile[])[]): Widget[] {
  const width = Math.floor(GRID_WIDTH / tiles.length);
  return tiles.flatMap((column, at) => {
    let y = top;
    return column.map((tile) => {
      const widget = { ...tile, x: at * width, y, width };
      y += tile.height;
      return widget;
    });
  });
}

/** The first free row below. */
export function below(widgets: readonly Widget[]): number {
  return Math.max(0, ...widgets.map(({ y, height }) => y + height));
}
