import { testResuming } from './resuming.ts';

testResuming(20);
